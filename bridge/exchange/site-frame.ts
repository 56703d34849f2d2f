/** What an importer and an exporter say to see that both are there. */
import { messageFormat } from "./exchange-schema.ts";

export interface SiteFrame {
  /** 0: none. */
  readonly ping: number;
  readonly pong: number;
}

const FORMAT = messageFormat<{ ping: number; pong: number }>("SiteFrame", 64);

export function encodeSiteFrame(frame: SiteFrame): Uint8Array {
  return FORMAT.encode(frame);
}

/** @throws {WireError} */
export function decodeSiteFrame(bytes: Uint8Array): SiteFrame {
  return FORMAT.decode(bytes);
}
