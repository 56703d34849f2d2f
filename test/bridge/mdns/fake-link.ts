/** A link in memory, in virtual time: mDNS machines that hear each other, and strangers. */
import {
  type DnsMessage,
  type DnsQuestion,
  type DnsRecord,
  EMPTY_MESSAGE,
  RECORD_CODE,
  decodeMessage,
  encodeMessage,
} from "../../../platform/dns/message.ts";
import type { DnsName } from "../../../platform/dns/name.ts";
import { type MdnsAction, type MdnsEvent, MdnsMachine } from "../../../bridge/mdns/mdns-machine.ts";
import type { LinkAddressing } from "../../../platform/address.ts";
import { utf8 } from "../../../platform/bytes.ts";
import { createRandom } from "../../../platform/random.ts";
import { VirtualLink } from "../../platform/virtual-link.ts";
import type { ServiceId, ZeroconfService } from "../../../bridge/zeroconf/service.ts";

export const STRANGER = "10.0.0.200";
export const HTTP = ["_http", "_tcp", "local"];

export interface Sent {
  readonly atMs: number;
  readonly host: Host;
  readonly message: DnsMessage;
  readonly bytes: Uint8Array;
  readonly to: { readonly address: string; readonly port: number } | null;
}

export type News = Exclude<MdnsAction, { readonly type: "send" }>;

export interface Host {
  readonly machine: MdnsMachine;
  readonly address: string;
  readonly news: { readonly atMs: number; readonly action: News }[];
  isCut: boolean;
}

export function linkOf(address: string): LinkAddressing {
  return { name: "eth0", addresses: [{ address, prefixBits: 24 }] };
}

export class FakeLink extends VirtualLink<Host, MdnsEvent> {
  readonly sent: Sent[] = [];
  #lastId = 0;

  constructor() {
    super(10_000);
  }

  add(seed = this.hosts.length + 1): Host {
    const address = `10.0.0.${this.hosts.length + 1}`;
    const machine = new MdnsMachine(linkOf(address), createRandom(seed));
    const host: Host = { machine, address, news: [], isCut: false };
    this.hosts.push(host);
    return host;
  }

  /** @returns the id of the registration */
  register(
    host: Host,
    service: ZeroconfService,
    given: {
      readonly isShared?: boolean;
      readonly isTakeover?: boolean;
      readonly candidates?: Iterable<string>;
    } = {},
  ): number {
    const id = ++this.#lastId;
    const options = { isShared: false, isTakeover: false, candidates: [], ...given };
    this.feed(host, { type: "register", id, service, ...options });
    return id;
  }

  registerHost(host: Host, name: DnsName, addresses: string[], isTakeover = false): number {
    const id = ++this.#lastId;
    this.feed(host, { type: "register-host", id, host: name, addresses, isTakeover });
    return id;
  }

  feed(host: Host, event: MdnsEvent | { readonly type: "tick" }): void {
    for (const action of host.machine.step(event, this.nowMs)) this.#perform(host, action);
  }

  /** From something that is no machine of ours, to all. */
  inject(
    given: Partial<DnsMessage> | Uint8Array,
    { from = STRANGER, port = 5353 }: { from?: string; port?: number } = {},
  ): void {
    const bytes =
      given instanceof Uint8Array ? given : encodeMessage({ ...EMPTY_MESSAGE, ...given });
    for (const host of this.hosts) this.feed(host, { type: "packet", bytes, from, port });
  }

  ask(
    questions: readonly DnsQuestion[],
    rest: Partial<DnsMessage> = {},
    origin: { from?: string; port?: number } = {},
  ): void {
    this.inject({ questions, ...rest }, origin);
  }

  answer(answers: readonly DnsRecord[], origin: { from?: string; port?: number } = {}): void {
    this.inject({ isResponse: true, answers }, origin);
  }

  /** Messages since a time, of one host or all. */
  since(atMs: number, host?: Host): Sent[] {
    return this.sent.filter((one) => one.atMs >= atMs && (host === undefined || one.host === host));
  }

  #perform(host: Host, action: MdnsAction): void {
    if (action.type !== "send") {
      host.news.push({ atMs: this.nowMs, action });
      return;
    }
    if (host.isCut) return;
    const { bytes, to } = action;
    this.sent.push({ atMs: this.nowMs, host, message: decodeMessage(bytes), bytes, to });
    for (const other of this.hosts) {
      if (other === host || (to !== null && to.address !== other.address)) continue;
      this.deliver(other, { type: "packet", bytes, from: host.address, port: 5353 });
    }
  }
}

export function serviceOf(given: Partial<ZeroconfService> = {}): ZeroconfService {
  return {
    instance: "Web",
    type: "_http._tcp",
    subtypes: [],
    host: ["far-away", "local"],
    port: 80,
    txt: [utf8("path=/")],
    addresses: ["203.0.113.7"],
    ...given,
  };
}

export function question(
  name: DnsName,
  type: keyof typeof RECORD_CODE,
  isUnicast = false,
): DnsQuestion {
  return { name, code: RECORD_CODE[type], class: 1, isUnicast };
}

export function pointer(instance: string, ttlS = 4500, type: DnsName = HTTP): DnsRecord {
  return { name: type, ttlS, isFlush: false, type: "ptr", target: [instance, ...type] };
}

export function srv(instance: string, host: string, port = 80, ttlS = 120): DnsRecord {
  return {
    name: [instance, ...HTTP],
    ttlS,
    isFlush: true,
    type: "srv",
    priority: 0,
    weight: 0,
    port,
    target: [host, "local"],
  };
}

export function txt(instance: string, text = "path=/", ttlS = 4500): DnsRecord {
  return { name: [instance, ...HTTP], ttlS, isFlush: true, type: "txt", strings: [utf8(text)] };
}

export function addressOf(host: string, address: string, ttlS = 120): DnsRecord {
  const type = address.includes(":") ? "aaaa" : "a";
  return { name: [host, "local"], ttlS, isFlush: true, type, address };
}

/** All records of an announcement of a service. */
export function announcementOf(
  instance: string,
  host = "far-away",
  address = "10.0.0.201",
): DnsRecord[] {
  return [pointer(instance), srv(instance, host), txt(instance), addressOf(host, address)];
}

/** `ptr Web`, `srv Web`, `a far-away`: enough to tell records apart. */
export function namesOf(records: readonly DnsRecord[]): string[] {
  return records.map((record) => {
    const [label] = record.type === "ptr" ? record.target : record.name;
    return `${record.type} ${label}`;
  });
}

export function newsOf<T extends News["type"]>(
  host: Host,
  type: T,
): (News & { readonly type: T })[] {
  return host.news.flatMap(({ action }) =>
    action.type === type ? [action as News & { readonly type: T }] : [],
  );
}

/** Names that a host finds now, in order. */
export function shownBy(host: Host): string[] {
  const shown = new Map<string, string>();
  const keyOf = ({ instance, type }: ServiceId): string => `${instance} ${type}`;
  for (const { action } of host.news) {
    if (action.type === "found") shown.set(keyOf(action.service), action.service.instance);
    if (action.type === "gone") shown.delete(keyOf(action.id));
  }
  return [...shown.values()].toSorted();
}
