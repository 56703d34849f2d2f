/** A peer that opens the channel's stream itself and sends what it likes. */
import type { Stream } from "@libp2p/interface";
import { proveHello, proveSubnet, WIRE_VERSION } from "../../../overlay/identity/hello.ts";
import type { KeyPair } from "../../../overlay/identity/keys.ts";
import { FrameStream } from "../../../overlay/io/frame-stream.ts";
import { peerIdOf, toMultiaddr } from "../../../overlay/io/nodes.ts";
import { PEER_PROTOCOL } from "../../../overlay/io/peer-channel.ts";
import { FrameCodec, type Frame, type Hello } from "../../../overlay/schema/messages.ts";
import { pairOf } from "../identity/members.ts";
import { helloOf, startNode, until, type Peer } from "./loopback.ts";

/** The other end of a channel, each frame in our hands. */
export interface RawPeer {
  /** Whose host key its node has. */
  readonly name: string;
  readonly heard: Frame[];
  /** In our own wire version, unless the frame says another. */
  send(frame: Frame): void;
  sendBytes(bytes: Uint8Array): void;
  isCut(): boolean;
}

export async function rawPeer(name: string, to: Peer): Promise<RawPeer> {
  const { node } = await startNode(name);
  const [host, port] = to.address.split(":");
  const connection = await node.dial(toMultiaddr(`/ip4/${host}/tcp/${port}`));
  const stream: Stream = await connection.newStream(PEER_PROTOCOL);
  const heard: Frame[] = [];
  let isCut = false;
  const frames = new FrameStream(stream, {
    frame: (bytes) => heard.push(FrameCodec.decode(new Uint8Array(bytes))),
    close: () => (isCut = true),
  });
  const raw: RawPeer = {
    name,
    heard,
    send: (frame) => frames.send(FrameCodec.encode({ wire: WIRE_VERSION, ...frame })),
    sendBytes: (bytes) => frames.send(bytes),
    isCut: () => isCut,
  };
  await until("the hello", () => heard.length > 0);
  return raw;
}

/** Says hello as `name` and proves it, with the proof changed if asked to. */
export function greet(
  raw: RawPeer,
  to: Peer,
  name: string,
  hello: Partial<Hello> = {},
  subnetKey?: KeyPair,
): void {
  const own = helloOf(name, hello);
  const ends = {
    ownNonce: own.nonce,
    peerNonce: raw.heard[0]!.hello!.nonce,
    ownPeerId: peerIdOf(pairOf(raw.name).publicKey).toString(),
    peerPeerId: to.node.peerId.toString(),
  };
  raw.send({ hello: own });
  const signature = proveHello(pairOf(name), ends);
  const subnetSignature = subnetKey === undefined ? new Uint8Array() : proveSubnet(subnetKey, ends);
  raw.send({ proof: { signature, subnetSignature } });
}

export function goodbyeOf(raw: RawPeer): string | undefined {
  return raw.heard.find((frame) => frame.goodbye)?.goodbye?.reason;
}
