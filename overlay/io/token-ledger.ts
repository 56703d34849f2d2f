/**
 * Which tokens were used, and by whom: here on disk, and in the overlay for its other hosts.
 *
 * A token is good for one host, whichever host redeems it. Design, "Trust".
 */
import { createHash } from "node:crypto";
import { concatBytes, isEqualBytes, utf8 } from "../../platform/bytes.ts";
import { toBase32 } from "../../platform/base32.ts";
import type { Logger } from "../../platform/logger.ts";
import { OverlayError } from "../errors.ts";
import type { Directory } from "../types.ts";

const TOKEN_USE_DOMAIN = "causeway-token-use\0";
const TOKEN_USE_TTL_MIN_MS = 1_000;
const TOKEN_USE_TTL_MAX_MS = 24 * 3_600_000;

export interface PeekingDirectory extends Directory {
  /** As `get`, from what is known without a lookup. */
  peek(key: Uint8Array): ReturnType<Directory["get"]>;
}

/** Which host has used a token, by the token's name; kept on disk. */
export interface TokenUses {
  get(token: string): Uint8Array | undefined;
  put(token: string, host: Uint8Array): Promise<void>;
}

/** What a token's use hangs on. */
export interface TokenScene {
  readonly host: Uint8Array;
  readonly directory: PeekingDirectory | undefined;
  readonly uses: TokenUses;
}

export class TokenLedger {
  readonly #log: Logger;
  /** Tokens whose use is being recorded, and by which host. */
  readonly #spending = new Map<string, Uint8Array>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** One use: the same host may retry, another is refused, whichever host redeems. */
  async spend(token: Uint8Array, leftMs: number, scene: TokenScene): Promise<void> {
    const key = createHash("sha256")
      .update(concatBytes(utf8(TOKEN_USE_DOMAIN), token))
      .digest();
    const name = toBase32(token);
    const { host, uses } = scene;
    const isOther = (user: Uint8Array | undefined): boolean =>
      user !== undefined && !isEqualBytes(user, host);
    if (isOther(this.#spending.get(name)) || isOther(uses.get(name))) throw tokenIsUsed();
    this.#spending.set(name, host); // so that two at once do not both find it unused
    try {
      const known = await scene.directory?.peek(key).catch(() => undefined);
      if (known?.records.some((record) => isOther(record.value)) === true) throw tokenIsUsed();
      await uses.put(name, host);
    } finally {
      this.#spending.delete(name);
    }
    const ttlMs = Math.trunc(
      Math.min(TOKEN_USE_TTL_MAX_MS, Math.max(TOKEN_USE_TTL_MIN_MS, leftMs)),
    );
    scene.directory?.put(key, scene.host, { ttlMs, copies: { type: "all" } }).catch(() => {
      this.#log.warn("a token's use is recorded at this host only", { token: name });
    });
  }
}

function tokenIsUsed(): OverlayError {
  return new OverlayError(
    "ERR_OVERLAY_TOKEN",
    'token refused: another host has used it; make a new one with "causeway token"',
  );
}
