/**
 * One network interface as rings of frames: AF_PACKET with TPACKET_V2.
 *
 * Version 2, because version 3 hands frames over by the block and adds half a millisecond to a
 * lone one. Receiving costs no call at all; sending is `sendmmsg` by the caller's own headers.
 * Not supported: checksum and segmentation offload of the sender (PACKET_VNET_HDR). A frame whose
 * checksum its sender left to the hardware passes unfinished; switch `tx` off at the sender.
 *
 * @see linux Documentation/networking/packet_mmap.rst
 */
import { PacketsError } from "../errors.ts";
import { loadLibc, mapDescriptor, systemError } from "./libc.ts";

const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const ETH_P_ALL = 3;
const SOL_PACKET = 263;
const OPTION = { rxRing: 5, version: 10, ignoreOutgoing: 23 } as const;
const TPACKET_V2 = 1;
const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;
/** Frames in a token bucket behind the interface count; 212 992 bytes would hold 92 of them. */
const SEND_BUFFER_BYTES = 64 << 20;

/** struct tpacket2_hdr */
const AT = {
  status: 0,
  snapLength: 8,
  mac: 12,
  seconds: 16,
  nanoseconds: 20,
  tag: 24,
  tagType: 26,
};
const STATUS_USER = 0x01;
const STATUS_CHECKSUM_NOT_READY = 0x08;
const STATUS_TAG_VALID = 0x10;
const STATUS_TAG_TYPE_VALID = 0x40;
const TAG_TYPE_8021Q = 0x8100;

const FRAME_BYTES = 2048;
const BLOCK_BYTES = 65_536;
const FRAMES_PER_BLOCK = BLOCK_BYTES / FRAME_BYTES;

/** What `drain` says of a frame; `bytes` and offsets are good only during the call. */
export interface FrameView {
  /** The ring. */
  bytes: Uint8Array;
  /** Where in `bytes` the Ethernet header starts. */
  at: number;
  length: number;
  /** When the kernel received it, on the wall clock, in ms since 1970. */
  receivedWallMs: number;
  /** 802.1Q tag that the kernel took off (type and control word), 0 for none. */
  tag: number;
  /** The sender left the checksum to hardware that is not there. */
  isUnfinished: boolean;
}

export class RingPort {
  readonly interfaceName: string;
  /** Readable when frames wait. */
  readonly fd: number;
  /** For `sendmmsg`. Not the receiving one, whose ring would make it wait. */
  readonly sendFd: number;
  readonly #frames: number;
  readonly #u16: Uint16Array;
  readonly #u32: Uint32Array;
  readonly #i32: Int32Array;
  readonly #view: FrameView;
  #next = 0;

  /**
   * @param interfaceName in this process's network namespace
   * @param frames        how many may wait, a multiple of 32; 2 KB each
   * @throws {PacketsError}
   */
  constructor(interfaceName: string, frames: number) {
    const libc = loadLibc();
    const index = libc.if_nametoindex(interfaceName);
    if (index === 0)
      throw new PacketsError("ERR_PACKETS_INTERFACE", `no interface ${interfaceName} here`);
    this.interfaceName = interfaceName;
    this.#frames = frames;
    this.fd = openSocket(interfaceName); // protocol 0: deaf until bound
    const blocks = frames / FRAMES_PER_BLOCK;
    setOption(this.fd, interfaceName, OPTION.version, TPACKET_V2);
    setOption(this.fd, interfaceName, OPTION.rxRing, BLOCK_BYTES, blocks, FRAME_BYTES, frames);
    setOption(this.fd, interfaceName, OPTION.ignoreOutgoing, 1);
    const { buffer } = mapDescriptor(this.fd, blocks * BLOCK_BYTES, interfaceName);
    this.#u16 = new Uint16Array(buffer);
    this.#u32 = new Uint32Array(buffer);
    this.#i32 = new Int32Array(buffer);
    this.#view = {
      bytes: new Uint8Array(buffer),
      at: 0,
      length: 0,
      receivedWallMs: 0,
      tag: 0,
      isUnfinished: false,
    };
    bindSocket(this.fd, interfaceName, index, ETH_P_ALL);
    this.sendFd = openSocket(interfaceName);
    const sendBytes = new Uint8Array(Uint32Array.of(SEND_BUFFER_BYTES).buffer);
    if (libc.setsockopt(this.sendFd, SOL_SOCKET, SO_SNDBUFFORCE, sendBytes, 4) !== 0)
      throw systemError("send buffer", interfaceName);
    bindSocket(this.sendFd, interfaceName, index, 0);
  }

  /**
   * Shows each waiting frame to `take`, oldest first, and gives its place back to the kernel.
   *
   * @returns how many there were, `framesMax` at most
   */
  drain(take: (frame: FrameView) => void, framesMax: number): number {
    const view = this.#view;
    let count = 0;
    for (; count < framesMax; count++) {
      const at = this.#next * FRAME_BYTES;
      const word = at >> 2;
      const status = Atomics.load(this.#i32, word + (AT.status >> 2));
      if ((status & STATUS_USER) === 0) break;
      const half = at >> 1;
      view.at = at + this.#u16[half + (AT.mac >> 1)]!;
      view.length = this.#u32[word + (AT.snapLength >> 2)]!;
      view.receivedWallMs =
        this.#u32[word + (AT.seconds >> 2)]! * 1000 +
        this.#u32[word + (AT.nanoseconds >> 2)]! / 1e6;
      view.tag = (status & STATUS_TAG_VALID) === 0 ? 0 : this.#tag(half, status);
      view.isUnfinished = (status & STATUS_CHECKSUM_NOT_READY) !== 0;
      take(view);
      Atomics.store(this.#i32, word + (AT.status >> 2), 0);
      this.#next = (this.#next + 1) % this.#frames;
    }
    return count;
  }

  close(): void {
    const libc = loadLibc();
    libc.close(this.fd);
    libc.close(this.sendFd);
  }

  #tag(half: number, status: number): number {
    const hasType = (status & STATUS_TAG_TYPE_VALID) !== 0;
    const type = hasType ? this.#u16[half + (AT.tagType >> 1)]! : TAG_TYPE_8021Q;
    return type * 65_536 + this.#u16[half + (AT.tag >> 1)]!;
  }
}

function openSocket(about: string): number {
  const fd = loadLibc().socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (fd < 0) throw systemError("socket", about);
  return fd;
}

function setOption(fd: number, about: string, option: number, ...words: number[]): void {
  const value = new Uint8Array(Uint32Array.from(words).buffer);
  if (loadLibc().setsockopt(fd, SOL_PACKET, option, value, value.length) !== 0)
    throw systemError(`packet option ${option}`, about);
}

/** struct sockaddr_ll */
function bindSocket(fd: number, about: string, index: number, protocol: number): void {
  const address = Buffer.alloc(20);
  address.writeUInt16LE(AF_PACKET, 0);
  address.writeUInt16BE(protocol, 2);
  address.writeInt32LE(index, 4);
  if (loadLibc().bind(fd, address, address.length) !== 0) throw systemError("bind", about);
}
