/**
 * Revocations on their way: kept for ever on disk, told to everybody at once, and compared at each
 * hello, so that whoever was away hears of them too.
 */
import { isEqualBytes } from "../../platform/bytes.ts";
import { errorMessage } from "../../platform/errors.ts";
import type { Logger } from "../../platform/logger.ts";
import { checkRevocation, type SignedRevocation } from "../identity/revocation.ts";
import { RevocationPullCodec, RevocationsCodec, type Signed } from "../schema/messages.ts";
import type { MemberState } from "./member-state.ts";
import { CALL, NOTICE } from "../schema/methods.ts";
import type { PeerChannel } from "./peer-channel.ts";
import type { StateDirectory } from "./state.ts";

/** Of one answer or notice; a frame around it has room for the rest. */
const ITEMS_BYTES_MAX = 200 * 1024;
/** Answers to one pull; more than the longest list takes. */
const PULL_ROUNDS_MAX = 400;
const SAVE_RETRY_MS = 10_000;

export interface RevocationExchangeParts {
  readonly members: MemberState;
  readonly state: StateDirectory;
  readonly log: Logger;
  /** All open channels, of both nodes. */
  channels(): readonly PeerChannel[];
  /** The set of revocations grew; the peers have been told. */
  onNews(news: readonly SignedRevocation[]): void;
}

export class RevocationExchange {
  readonly #parts: RevocationExchangeParts;
  readonly #pulling = new WeakSet<PeerChannel>();
  #saveTimer: NodeJS.Timeout | undefined;

  constructor(parts: RevocationExchangeParts) {
    this.#parts = parts;
    this.#take(parts.state.revocations);
  }

  /** A peer's hello tells what it knows: what is news is asked for. */
  onOpen(channel: PeerChannel): void {
    const { members } = this.#parts;
    const { revocations, overlay } = channel.peerHello;
    const isOurs = members.overlay !== null && isEqualBytes(overlay, members.overlay.id);
    if (!isOurs || revocations.length === 0) return;
    if (isEqualBytes(revocations, members.revocations.digest)) return;
    void this.#pull(channel);
  }

  answerPull(body: Uint8Array): Uint8Array {
    const { known } = RevocationPullCodec.decode(body);
    return RevocationsCodec.encode(this.#parts.members.revocations.missing(known, ITEMS_BYTES_MAX));
  }

  hear(body: Uint8Array, from: PeerChannel): void {
    this.#learn(RevocationsCodec.decode(body).items, from);
  }

  /**
   * Puts out revocations of this host.
   *
   * @throws {OverlayError} when one cannot be kept
   */
  async publish(items: readonly Signed[]): Promise<void> {
    const { members, state } = this.#parts;
    const overlay = members.info.overlay;
    const checked = items.map((signed) => checkRevocation(signed, overlay));
    const news = members.revocations.add(checked);
    await state.saveRevocations(members.revocations.all.map(({ signed }) => signed));
    this.#tell(news, undefined);
  }

  stop(): void {
    clearTimeout(this.#saveTimer);
  }

  async #pull(channel: PeerChannel): Promise<void> {
    if (this.#pulling.has(channel)) return;
    this.#pulling.add(channel);
    const { members, log } = this.#parts;
    try {
      for (let round = 0; round < PULL_ROUNDS_MAX; round++) {
        const body = RevocationPullCodec.encode({ known: members.revocations.names() });
        const answer = RevocationsCodec.decode(await channel.call(CALL.revocations, body));
        const hasNews = this.#learn(answer.items, channel);
        if (!answer.isMore || !hasNews) break;
      }
    } catch (error) {
      log.debug("revocations not pulled", { from: channel.hostId, reason: errorMessage(error) });
    } finally {
      this.#pulling.delete(channel);
    }
  }

  #learn(items: readonly Signed[], from: PeerChannel): boolean {
    const news = this.#take(items);
    if (news.length === 0) return false;
    this.#save();
    this.#tell(news, from);
    return true;
  }

  /** What of it holds and is news; what does not is logged. */
  #take(items: readonly Signed[]): SignedRevocation[] {
    const { members, log } = this.#parts;
    if (members.overlay === null) return [];
    const { id } = members.overlay;
    return items.flatMap((signed) => {
      try {
        return members.revocations.add([checkRevocation(signed, id)]);
      } catch (error) {
        log.warn("revocation refused", { reason: errorMessage(error) });
        return [];
      }
    });
  }

  #tell(news: readonly SignedRevocation[], from: PeerChannel | undefined): void {
    if (news.length === 0) return;
    const { channels, onNews } = this.#parts;
    for (const { signed } of news) {
      const body = RevocationsCodec.encode({ items: [signed], isMore: false });
      for (const channel of channels()) if (channel !== from) channel.notify(NOTICE.revoked, body);
    }
    onNews(news);
  }

  #save(): void {
    const { members, state, log } = this.#parts;
    clearTimeout(this.#saveTimer);
    state
      .saveRevocations(members.revocations.all.map(({ signed }) => signed))
      .catch((error: unknown) => {
        log.warn("revocations not saved; tried again", { reason: errorMessage(error) });
        this.#saveTimer = setTimeout(() => this.#save(), SAVE_RETRY_MS);
      });
  }
}
