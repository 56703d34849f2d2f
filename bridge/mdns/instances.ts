/** Service instances that are browsed, as far as they are resolved (RFC 6763 §4, §6). */
import { RECORD_CODE } from "../../platform/dns/message.ts";
import { type DnsName, isSameName, nameKey } from "../../platform/dns/name.ts";
import type { ServiceId, ZeroconfService } from "../zeroconf/service.ts";
import type { LinkView } from "./link-view.ts";
import { subtypeOf, typeName } from "./own-records.ts";
import type { QuestionPlan } from "./question-plan.ts";
import type { BrowserAction } from "./types.ts";

interface Want {
  readonly name: DnsName;
  readonly code: number;
}

interface Instance {
  readonly id: ServiceId;
  readonly name: DnsName;
  /** Labels of subtypes, as heard. */
  readonly subtypes: Map<string, string>;
  /** Key of the host's name, once it is known. */
  host: string | undefined;
  wants: readonly Want[];
  /** What was last told, and as text. */
  shown: { readonly service: ZeroconfService; readonly isOwn: boolean } | undefined;
  text: string;
}

const { a, aaaa, srv, txt } = RECORD_CODE;

export class Instances {
  readonly #view: LinkView;
  readonly #plan: QuestionPlan;
  readonly #all = new Map<string, Instance>();
  readonly #byHost = new Map<string, Set<string>>();

  constructor(view: LinkView, plan: QuestionPlan) {
    this.#view = view;
    this.#plan = plan;
  }

  get size(): number {
    return this.#all.size;
  }

  /** Labels of subtypes, of all instances together. */
  get subtypes(): number {
    return [...this.#all.values()].reduce((sum, { subtypes }) => sum + subtypes.size, 0);
  }

  /** @returns its key */
  add(name: DnsName, id: ServiceId): string {
    const key = nameKey(name);
    if (!this.#all.has(key))
      this.#all.set(key, {
        id,
        name,
        subtypes: new Map(),
        host: undefined,
        wants: [],
        shown: undefined,
        text: "",
      });
    return key;
  }

  /** @param subtype name of a pointer that comes or goes */
  noteSubtype(key: string, subtype: DnsName): void {
    const { subtype: label = "" } = subtypeOf(subtype) ?? {};
    this.#all.get(key)?.subtypes.set(nameKey([label]), label);
  }

  /** Whether some instance is at this host. */
  hasHost(name: DnsName): boolean {
    return this.#byHost.has(nameKey(name));
  }

  /** Keys of the instances at a host. */
  at(host: DnsName): readonly string[] {
    return [...(this.#byHost.get(nameKey(host)) ?? [])];
  }

  shown(): readonly { readonly service: ZeroconfService; readonly isOwn: boolean }[] {
    return [...this.#all.values()].flatMap(({ shown }) => shown ?? []);
  }

  /** Takes note of where an instance is, before its addresses are heard. */
  locate(key: string): void {
    const instance = this.#all.get(key);
    const record = instance && this.#view.one(instance.name, srv);
    if (record?.type === "srv") this.#moveTo(key, instance!, record.target);
  }

  /** Looks at one anew. @param askAtMs when to ask for what is missing */
  update(key: string, askAtMs: number): BrowserAction[] {
    const instance = this.#all.get(key);
    if (instance === undefined) return [];
    const { id, name } = instance;
    const isThere =
      this.#view.points(typeName(id.type), name) || this.#view.own(name, srv).length > 0;
    if (!isThere) return this.#drop(key, instance);
    const subtypes = this.#subtypes(instance);
    const service = this.#resolve(instance);
    this.#moveTo(key, instance, service.host);
    this.#want(key, instance, missing(name, service), askAtMs);
    const isOwn = this.#view.own(name, srv).length > 0;
    const { txt: strings, port, host, addresses } = service;
    const isNowhere = addresses.length === 0 && !isOwn;
    if (strings === undefined || port === undefined || host === undefined || isNowhere)
      return this.#hide(instance);
    return this.#show(instance, { ...id, subtypes, host, port, txt: strings, addresses }, isOwn);
  }

  /** Forgets a type that nobody browses, without a word. */
  dropType(type: string): void {
    for (const [key, instance] of this.#all)
      if (instance.id.type === type) this.#drop(key, instance);
  }

  #resolve({ name }: Instance): Resolved {
    const host = this.#view.one(name, srv);
    if (host?.type !== "srv")
      return { host: undefined, port: undefined, txt: this.#txt(name), addresses: [] };
    const addresses = [a, aaaa]
      .flatMap((code) => this.#view.all(host.target, code))
      .flatMap((record) => (record.type === "a" || record.type === "aaaa" ? record.address : []));
    return {
      host: host.target,
      port: host.port,
      txt: this.#txt(name),
      addresses: [...new Set(addresses)].toSorted(),
    };
  }

  #txt(name: DnsName): readonly Uint8Array[] | undefined {
    const record = this.#view.one(name, txt);
    return record?.type === "txt" ? record.strings : undefined;
  }

  /** Those that point there, and forgets the others. */
  #subtypes({ id, name, subtypes }: Instance): string[] {
    for (const [key, label] of subtypes)
      if (!this.#view.points([label, "_sub", ...typeName(id.type)], name)) subtypes.delete(key);
    return [...subtypes.values()].toSorted();
  }

  #show(instance: Instance, service: ZeroconfService, isOwn: boolean): BrowserAction[] {
    const text = textOf(service, isOwn);
    if (text === instance.text) return [];
    instance.text = text;
    instance.shown = { service, isOwn };
    return [{ type: "found", service, isOwn }];
  }

  #hide(instance: Instance): BrowserAction[] {
    if (instance.shown === undefined) return [];
    instance.shown = undefined;
    instance.text = "";
    return [{ type: "gone", id: instance.id }];
  }

  #drop(key: string, instance: Instance): BrowserAction[] {
    this.#all.delete(key);
    this.#moveTo(key, instance, undefined);
    this.#want(key, instance, [], 0);
    return this.#hide(instance);
  }

  #moveTo(key: string, instance: Instance, host: DnsName | undefined): void {
    const next = host && nameKey(host);
    if (next === instance.host) return;
    if (instance.host !== undefined) {
      const former = this.#byHost.get(instance.host);
      former?.delete(key);
      if (former?.size === 0) this.#byHost.delete(instance.host);
    }
    instance.host = next;
    if (next !== undefined)
      this.#byHost.set(next, (this.#byHost.get(next) ?? new Set<string>()).add(key));
  }

  #want(key: string, instance: Instance, wants: readonly Want[], atMs: number): void {
    for (const { name, code } of instance.wants) {
      const isStill = wants.some((one) => one.code === code && isSameName(one.name, name));
      if (!isStill) this.#plan.unwant(name, code, key);
    }
    for (const { name, code } of wants) this.#plan.want(name, code, key, atMs);
    instance.wants = wants;
  }
}

interface Resolved {
  readonly host: DnsName | undefined;
  readonly port: number | undefined;
  readonly txt: readonly Uint8Array[] | undefined;
  readonly addresses: readonly string[];
}

function missing(name: DnsName, service: Resolved): Want[] {
  const { host, addresses } = service;
  return [
    ...(host === undefined ? [{ name, code: srv }] : []),
    ...(service.txt === undefined ? [{ name, code: txt }] : []),
    ...(host !== undefined && addresses.length === 0
      ? [
          { name: host, code: a },
          { name: host, code: aaaa },
        ]
      : []),
  ];
}

function textOf(service: ZeroconfService, isOwn: boolean): string {
  const { txt: strings, addresses, host, ...others } = service;
  const texts = strings.map((bytes) => Buffer.from(bytes).toString("latin1"));
  return JSON.stringify([others, nameKey(host), texts, addresses, isOwn]);
}
