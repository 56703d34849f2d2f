/** The multicast DNS sockets of a link: one for each address family that it has and that opens. */
import type { RemoteInfo } from "node:dgram";
import type { LinkAddressing } from "../address.ts";
import { errorCode, errorMessage } from "../errors.ts";
import {
  FAMILIES,
  type Family,
  type MdnsSocket,
  hasFamily,
  openMdnsSocket,
} from "./mdns-socket.ts";

export interface LinkSocketsOptions {
  readonly link: LinkAddressing;
  readonly onMessage: (bytes: Uint8Array, from: RemoteInfo) => void;
  /** A send or a socket failed; the socket stays. */
  readonly onFailure: (error: Error, family: Family) => void;
}

export interface LinkSockets {
  /** None on a link without addresses. */
  readonly opened: readonly MdnsSocket[];
  /** Families that the link has and that did not open. */
  readonly failures: readonly { readonly family: Family; readonly cause: unknown }[];
  /** For people, when all have failed: why, and what to do. */
  readonly problem: string | undefined;
}

/** One family is enough for most, so what fails is told, not thrown. */
export async function openLinkSockets(options: LinkSocketsOptions): Promise<LinkSockets> {
  const { link, onMessage, onFailure, ...rest } = options;
  rest satisfies Record<string, never>;
  const opened: MdnsSocket[] = [];
  const failures: { family: Family; cause: unknown }[] = [];
  for (const family of FAMILIES) {
    if (!hasFamily(link, family)) continue;
    const onOneFailure = (error: Error): void => onFailure(error, family);
    try {
      opened.push(await openMdnsSocket({ family, link, onMessage, onFailure: onOneFailure }));
    } catch (cause) {
      failures.push({ family, cause });
    }
  }
  const [first] = failures;
  const isNone = opened.length === 0 && first !== undefined;
  return { opened, failures, problem: isNone ? explain(link, first.cause) : undefined };
}

function explain({ name }: LinkAddressing, cause: unknown): string {
  return errorCode(cause) === "EADDRINUSE"
    ? "UDP port 5353 is taken by a responder that does not share it; " +
        "set disallow-other-stacks=no in avahi-daemon.conf, or stop it"
    : `no multicast on ${name} (${errorMessage(cause)}); name another one with --interface`;
}
