/**
 * Asks one host for one of its records (RFC 6762 §5.5), to learn whether it lives.
 *
 * From a port of its own: port 5353 belongs to whichever responder bound it last.
 */
import { type Socket, createSocket } from "node:dgram";
import { type LinkAddressing, isOnLink, withZone } from "../../platform/address.ts";
import {
  CLASS_IN,
  type DnsQuestion,
  EMPTY_MESSAGE,
  decodeMessage,
  encodeMessage,
} from "../../platform/dns/message.ts";
import { WireError, errorCode } from "../../platform/errors.ts";
import type { Random } from "../../platform/random.ts";

const MDNS_PORT = 5353;

/**
 * `answered`: it has the record. `refused`: the host lives, and has no responder at that address.
 * `silent`: neither in time; a responder without the record is silent too.
 */
export type HostAnswer = "answered" | "refused" | "silent";

export interface HostQuestion {
  readonly address: string;
  readonly question: Pick<DnsQuestion, "name" | "code">;
  readonly timeoutMs: number;
}

/** Addresses that are not on the link are not asked, and count as silent. */
export async function askHost(
  link: LinkAddressing,
  random: Random,
  { address, question, timeoutMs }: HostQuestion,
): Promise<HostAnswer> {
  if (!isOnLink(address, link)) return "silent";
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  const id = 1 + random.below(0xffff);
  const query = encodeMessage({
    ...EMPTY_MESSAGE,
    id,
    questions: [{ ...question, class: CLASS_IN, isUnicast: true }],
  });
  const answer = new Promise<HostAnswer>((resolve) => {
    const timer = setTimeout(() => resolve("silent"), timeoutMs);
    const end = (result: HostAnswer): void => {
      clearTimeout(timer);
      resolve(result);
    };
    socket.on("error", (error) => end(errorCode(error) === "ECONNREFUSED" ? "refused" : "silent"));
    socket.on("message", (bytes) => {
      if (isAnswer(bytes, id)) end("answered");
    });
    // Connected, so that nobody else can answer, and a refusal is heard of. A callback would be
    // called for a failure too, as while the link is down.
    socket.once("connect", () => send(socket, query));
    socket.connect(MDNS_PORT, withZone(address, link));
  });
  try {
    return await answer;
  } finally {
    socket.close();
  }
}

function send(socket: Socket, bytes: Uint8Array): void {
  socket.setTTL(255);
  socket.send(bytes);
}

function isAnswer(bytes: Uint8Array, id: number): boolean {
  try {
    const message = decodeMessage(bytes);
    return message.isResponse && message.id === id && message.answers.length > 0;
  } catch (error) {
    if (error instanceof WireError) return false;
    throw error;
  }
}
