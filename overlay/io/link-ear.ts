/**
 * The link, opened before there is anybody to hear it.
 *
 * libp2p takes a quarter of a second to load; meanwhile the first question is out on the link and
 * its answers come in. What is heard before `listen` stands in `link.peers()`.
 */
import type { OverlayOptions, OverlayParts } from "./options.ts";
import { openLink, type Link, type LinkOptions } from "./mdns-link.ts";

type Listener = Pick<LinkOptions, "onEvent" | "onQuestion">;

export interface LinkEar {
  readonly link: Link;
  listen(listener: Listener): void;
}

/** @throws {OverlayError} ERR_OVERLAY_LINK */
export async function openLinkEar(
  options: Pick<OverlayOptions, "interface">,
  { random, clock, log }: OverlayParts,
): Promise<LinkEar> {
  let listener: Listener = { onEvent: () => {}, onQuestion: () => false };
  const link = await openLink({
    interface: options.interface,
    random,
    clock,
    log,
    onEvent: (notice) => listener.onEvent(notice),
    onQuestion: (label) => listener.onQuestion(label),
  });
  return {
    link,
    listen: (next) => {
      listener = next;
    },
  };
}
