/** Responder and browser of one link as one machine: datagrams in, datagrams and news out. */
import type { LinkAddressing } from "../../platform/address.ts";
import { encodeMessage } from "../../platform/dns/message.ts";
import type { Machine, Tick } from "../../platform/machine.ts";
import type { Random } from "../../platform/random.ts";
import type { Endpoint } from "./answer-queue.ts";
import { BrowserMachine, type BrowserStats } from "./browser-machine.ts";
import { type GateCounters, PacketGate } from "./packet-gate.ts";
import { ResponderMachine } from "./responder-machine.ts";
import type {
  BrowserAction,
  BrowserEvent,
  HeardMessage,
  ResponderAction,
  ResponderEvent,
  SendAction,
} from "./types.ts";

/** What became of a registration. */
type Outcome = Extract<
  ResponderAction,
  { readonly type: "registered" } | { readonly type: "refused" } | { readonly type: "renamed" }
>;

export type MdnsEvent =
  /** A datagram that is not our own echo. `from` has its zone. */
  | {
      readonly type: "packet";
      readonly bytes: Uint8Array;
      readonly from: string;
      readonly port: number;
    }
  | { readonly type: "link-changed"; readonly link: LinkAddressing }
  | Exclude<ResponderEvent, HeardMessage | { readonly type: "link-changed" }>
  | Extract<
      BrowserEvent,
      { readonly type: "browse" | "unbrowse" | "browse-types" | "unbrowse-types" }
    >;

export type MdnsAction =
  | { readonly type: "send"; readonly bytes: Uint8Array; readonly to: Endpoint | null }
  | Outcome
  | Exclude<BrowserAction, SendAction>;

export interface MdnsStats extends GateCounters, BrowserStats {
  readonly sent: number;
  readonly conflicts: number;
}

export class MdnsMachine implements Machine<MdnsEvent, MdnsAction> {
  readonly browser: BrowserMachine;
  readonly #responder: ResponderMachine;
  readonly #gate: PacketGate;
  #sent = 0;

  constructor(link: LinkAddressing, random: Random) {
    this.#gate = new PacketGate(link);
    this.#responder = new ResponderMachine(random);
    this.browser = new BrowserMachine(random);
  }

  get wakeAtMs(): number {
    return Math.min(this.#responder.wakeAtMs, this.browser.wakeAtMs);
  }

  get stats(): MdnsStats {
    const { conflicts } = this.#responder;
    return { ...this.#gate.counters, ...this.browser.stats, conflicts, sent: this.#sent };
  }

  step(event: MdnsEvent | Tick, nowMs: number): readonly MdnsAction[] {
    switch (event.type) {
      case "packet": {
        const message = this.#gate.accept(event.bytes, event.from, nowMs);
        if (message === undefined) return [];
        const from = { address: event.from, port: event.port };
        const heard = { type: "message", message, from } as const;
        return [...this.#respond(heard, nowMs), ...this.#browse(heard, nowMs)];
      }
      case "link-changed":
        this.#gate.becomeLink(event.link);
        return [...this.#browse(event, nowMs), ...this.#respond({ type: "link-changed" }, nowMs)];
      case "tick":
      case "stop":
        return [...this.#respond(event, nowMs), ...this.#browse(event, nowMs)];
      case "browse":
      case "unbrowse":
      case "browse-types":
      case "unbrowse-types":
        return this.#browse(event, nowMs);
      default:
        return this.#respond(event, nowMs);
    }
  }

  #respond(event: ResponderEvent | Tick, nowMs: number): MdnsAction[] {
    return this.#responder.step(event, nowMs).flatMap((action) => {
      if (action.type === "send") return this.#encode(action);
      if (action.type === "own-added" || action.type === "own-removed")
        return this.#browse(action, nowMs);
      return action;
    });
  }

  #browse(event: BrowserEvent | Tick, nowMs: number): MdnsAction[] {
    return this.browser
      .step(event, nowMs)
      .map((action) => (action.type === "send" ? this.#encode(action) : action));
  }

  #encode({ message, to }: SendAction): MdnsAction {
    this.#sent++;
    return { type: "send", bytes: encodeMessage(message), to };
  }
}
