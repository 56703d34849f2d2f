/**
 * All rules that hold on this host: the subnet's, shared with its hosts, this host's own, and those
 * of its configuration file.
 *
 * Each subnet has a book of its own. A host that comes to another link leaves the book of the one
 * before behind, and finds it again when it returns. A subnet that goes on under another id (it
 * merged into another on its link, or got a new key) takes its rules along.
 */
import { join } from "node:path";
import type { HostStream, Overlay } from "../../overlay/index.ts";
import type { Clock } from "../../platform/clock.ts";
import { errorMessage } from "../../platform/errors.ts";
import { createDriver, type Driver } from "../../platform/io/driver.ts";
import type { Logger } from "../../platform/logger.ts";
import type { Random } from "../../platform/random.ts";
import { BridgeError } from "../errors.ts";
import { configuredRules } from "../rules/configured.ts";
import { parseRule, ruleIdOf, type RuleScope } from "../rules/parse-rule.ts";
import { findPeer } from "../rules/peer-names.ts";
import type { Rule, RuleRequest } from "../rules/rule.ts";
import { RuleBook, type RuleEntry } from "../rules/rule-book.ts";
import { noRuleError, widerRuleNotes } from "../rules/rule-advice.ts";
import { RuleSyncMachine, type SyncEvent } from "../rules/sync-machine.ts";
import { answerRules, offerRules, RULES_PROTOCOL, type ExchangeSide } from "./rule-exchange.ts";
import { RuleStore } from "./rule-store.ts";

/** Directory of the bridge's files in the state directory. */
const DIRECTORY = "bridge";
const EXCHANGES_MAX = 16;

export interface RuleKeeperOptions {
  readonly stateDir: string;
  /** Rules of the configuration file. */
  readonly configured: readonly RuleRequest[];
}

export interface RuleKeeperParts {
  readonly overlay: Pick<Overlay, "subnet" | "streams" | "subnets" | "status">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface HeldRule {
  readonly rule: Rule;
  readonly source: RuleScope;
  /** Host that set it last. */
  readonly setBy: string;
}

export interface SetRule {
  readonly rule: Rule;
  readonly change: "added" | "replaced" | "same";
  readonly notes: readonly string[];
}

/** @throws {BridgeError} ERR_BRIDGE_STORAGE; ERR_BRIDGE_RULE for a bad configured rule */
export async function openRuleKeeper(
  options: RuleKeeperOptions,
  parts: RuleKeeperParts,
): Promise<RuleKeeper> {
  const { stateDir, configured, ...rest } = options;
  rest satisfies Record<string, never>;
  const store = await RuleStore.open(join(stateDir, DIRECTORY));
  if (store.problem !== "") parts.log.error("rules not read", { reason: store.problem });
  return new RuleKeeper(store, configured, parts);
}

export class RuleKeeper {
  readonly #store: RuleStore;
  readonly #parts: RuleKeeperParts;
  readonly #self: string;
  readonly #here: RuleBook;
  readonly #driver: Driver<SyncEvent>;
  readonly #stopHandling: () => void;
  readonly #stopping = new AbortController();
  readonly #listeners = new Set<() => void>();
  #configured: readonly Rule[] = [];
  /** The subnet whose rules hold, while there is one. */
  #subnet: { readonly id: string; readonly book: RuleBook } | undefined;
  /** The last one, also while this host is between two. */
  #lastSubnet: string | undefined;
  #exchanges = 0;
  /** What `rules` gave last, until something changes. */
  #held: readonly HeldRule[] | undefined;

  constructor(store: RuleStore, configured: readonly RuleRequest[], parts: RuleKeeperParts) {
    this.#store = store;
    this.#parts = parts;
    this.#self = parts.overlay.status().host.id;
    this.#here = new RuleBook(store.rules.here);
    const { overlay, random, clock } = parts;
    this.#driver = createDriver(new RuleSyncMachine(random), clock, ({ host }) => {
      void this.#compareWith(host);
    });
    this.#stopHandling = overlay.streams.handle(RULES_PROTOCOL, (stream) => this.#answer(stream));
    this.configure(configured);
    this.#refresh();
    void this.#follow();
  }

  /** What was wrong with the stored rules; empty when nothing was. */
  get problem(): string {
    return this.#store.problem;
  }

  /** Export rules first; the subnet's before this host's before the configuration's. */
  get rules(): readonly HeldRule[] {
    this.#refresh();
    this.#held ??= this.#collect();
    return this.#held;
  }

  /**
   * Sets a rule of the subnet, or with `isHere` of this host; resolves when it is on disk.
   *
   * @throws {BridgeError} ERR_BRIDGE_RULE, ERR_BRIDGE_STORAGE
   */
  async set(request: RuleRequest): Promise<SetRule> {
    this.#refresh();
    const scope: RuleScope = request.isHere === true ? "here" : "subnet";
    const subnets = this.#parts.overlay.subnets();
    const rule = parseRule(request, scope, (text) => findPeer(text, subnets));
    const book = this.#bookOf(scope);
    const old = book.get(rule.id)?.rule ?? null;
    const notes = widerRuleNotes(rule, this.rules);
    if (JSON.stringify(old) === JSON.stringify(rule)) return { rule, change: "same", notes };
    book.set(rule, this.#self);
    await this.#changed(scope);
    return { rule, change: old === null ? "added" : "replaced", notes };
  }

  /**
   * Takes a rule away, by its id or the selection it was set with.
   *
   * @throws {BridgeError} ERR_BRIDGE_RULE with the rules there are, ERR_BRIDGE_STORAGE
   */
  async remove(which: string | RuleRequest): Promise<Rule> {
    this.#refresh();
    const wanted: RuleScope =
      typeof which !== "string" && which.isHere === true ? "here" : "subnet";
    const id = typeof which === "string" ? which : ruleIdOf(which, wanted);
    const found = this.rules.find(({ rule }) => rule.id === id);
    if (found === undefined) throw noRuleError(which, this.rules);
    const { rule, source } = found;
    if (source === "config")
      throw new BridgeError(
        "ERR_BRIDGE_RULE",
        `rule ${id} stands in the configuration file; take it out there and reload`,
      );
    this.#bookOf(source).remove(id, this.#self);
    await this.#changed(source);
    return rule;
  }

  /** @throws {BridgeError} ERR_BRIDGE_RULE, and the former ones hold */
  configure(requests: readonly RuleRequest[]): void {
    const rules = configuredRules(requests);
    if (JSON.stringify(this.#configured) === JSON.stringify(rules)) return;
    this.#configured = rules;
    this.#tell();
  }

  /** Told of every change, whoever made it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Resolves when what it learned is on disk. */
  async close(): Promise<void> {
    this.#stopping.abort();
    this.#stopHandling();
    this.#driver.stop();
    this.#listeners.clear();
    await this.#store.settled();
  }

  #collect(): readonly HeldRule[] {
    const held = [
      ...heldIn(this.#subnet?.book.entries ?? [], "subnet"),
      ...heldIn(this.#here.entries, "here"),
      ...this.#configured.map((rule): HeldRule => ({ rule, source: "config", setBy: this.#self })),
    ];
    const isExport = ({ rule }: HeldRule): boolean => rule.type === "export";
    return [...held.filter(isExport), ...held.filter((one) => !isExport(one))];
  }

  get #siblings(): readonly string[] {
    return this.#parts.overlay.subnet.hosts.filter(({ isSelf }) => !isSelf).map(({ id }) => id);
  }

  async #follow(): Promise<void> {
    const { overlay, log } = this.#parts;
    const { signal } = this.#stopping;
    try {
      for await (const _ of overlay.subnet.events(signal)) {
        this.#refresh();
        this.#meet();
      }
    } catch (error) {
      if (!signal.aborted) log.error("subnet not followed", { reason: errorMessage(error) });
    }
  }

  /** Turns to the rules of the subnet that this host is in by now. */
  #refresh(): void {
    if (this.#stopping.signal.aborted) return;
    const { id, follows } = this.#parts.overlay.subnet;
    if (id !== this.#subnet?.id) {
      this.#subnet = id === undefined ? undefined : { id, book: this.#enter(id, follows) };
      this.#lastSubnet = id ?? this.#lastSubnet;
      this.#driver.feed({ type: "moved" });
      this.#meet();
      this.#tell();
    }
  }

  #meet(): void {
    const hosts = this.#subnet === undefined ? [] : this.#siblings;
    this.#driver.feed({ type: "siblings", hosts });
  }

  #enter(id: string, follows: string | undefined): RuleBook {
    const book = new RuleBook(this.#store.entriesOf(id));
    const former = this.#lastSubnet;
    const isSame = former !== undefined && former !== id && follows === former;
    if (isSame && book.merge(this.#store.entriesOf(former)))
      this.#store.saveSubnet({ id, entries: book.entries }).catch((error: unknown) => {
        this.#parts.log.error("rules not kept", { reason: errorMessage(error) });
      });
    return book;
  }

  /** @throws {BridgeError} ERR_BRIDGE_RULE between two subnets */
  #bookOf(scope: RuleScope): RuleBook {
    if (scope === "here") return this.#here;
    if (this.#subnet !== undefined) return this.#subnet.book;
    throw new BridgeError(
      "ERR_BRIDGE_RULE",
      'this host is in no subnet yet; wait until "causeway status" shows one, or set the rule for this host alone with --here',
    );
  }

  async #changed(scope: RuleScope): Promise<void> {
    this.#tell();
    if (scope === "here") return this.#store.saveHere(this.#here.entries);
    this.#driver.feed({ type: "changed" });
    if (this.#subnet !== undefined)
      await this.#store.saveSubnet({ id: this.#subnet.id, entries: this.#subnet.book.entries });
  }

  #tell(): void {
    this.#held = undefined;
    for (const listener of [...this.#listeners]) listener();
  }

  async #compareWith(host: string): Promise<void> {
    const side = this.#side();
    try {
      if (side === undefined) throw new BridgeError("ERR_BRIDGE_UNREACHABLE", "no subnet");
      const { streams } = this.#parts.overlay;
      await offerRules(await streams.dial(host, RULES_PROTOCOL, this.#stopping.signal), side);
      this.#driver.feed({ type: "done", host });
    } catch (error) {
      this.#parts.log.debug("rules not compared", { host, reason: errorMessage(error) });
      this.#driver.feed({ type: "failed", host });
    }
  }

  async #answer(stream: HostStream): Promise<void> {
    this.#refresh();
    const side = this.#side();
    const isSibling = this.#siblings.includes(stream.peer);
    if (side === undefined || !isSibling || this.#exchanges >= EXCHANGES_MAX) {
      stream.abort(new BridgeError("ERR_BRIDGE_REFUSED", "not a host of this subnet, or too many"));
      return;
    }
    this.#exchanges++;
    try {
      await answerRules(stream, side);
    } catch (error) {
      const reason = errorMessage(error);
      this.#parts.log.debug("rules not compared", { host: stream.peer, reason });
    } finally {
      this.#exchanges--;
    }
  }

  #side(): ExchangeSide | undefined {
    const subnet = this.#subnet;
    if (subnet === undefined) return undefined;
    const { id, book } = subnet;
    return { subnet: id, book, merge: (entries) => this.#learn(id, book, entries) };
  }

  #learn(id: string, book: RuleBook, entries: readonly RuleEntry[]): void {
    if (this.#subnet?.book !== book || !book.merge(entries)) return;
    this.#parts.log.info("rules changed by a host of this subnet", { rules: book.rules.length });
    this.#tell();
    this.#store.saveSubnet({ id, entries: book.entries }).catch((error: unknown) => {
      this.#parts.log.error("rules not kept", { reason: errorMessage(error) });
    });
  }
}

function heldIn(entries: readonly RuleEntry[], source: RuleScope): readonly HeldRule[] {
  return entries.flatMap(({ rule, stamp }) =>
    rule === null ? [] : [{ rule, source, setBy: stamp.host }],
  );
}
