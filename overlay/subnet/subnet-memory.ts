/**
 * What a host remembers of its subnet's past: the keys it had before, and every host that was ever
 * in it, so that the removal of one of them gives it another key.
 */
import { ByteReader, ByteWriter, concatBytes, isEqualBytes, toHex } from "../../platform/bytes.ts";
import { KEY_BYTES } from "../identity/keys.ts";

/** Hosts remembered; the longest known makes room. */
export const HOSTS_REMEMBERED_MAX = 1024;
const FORMERS_MAX = 64;

/** Host keys of a membership chain, the host's own first. */
type Chain = readonly Uint8Array[];

export class SubnetMemory {
  readonly subnet: Uint8Array;
  /** Keys that the subnet had before, the last one first. */
  readonly formers: readonly Uint8Array[];
  readonly #chains: Map<string, Chain>;

  constructor(
    subnet: Uint8Array,
    formers: readonly Uint8Array[] = [],
    chains: readonly Chain[] = [],
  ) {
    this.subnet = subnet;
    this.formers = formers.slice(0, FORMERS_MAX);
    this.#chains = new Map(chains.map((chain) => [toHex(chain[0]!), chain]));
  }

  /** Every host seen in the subnet under its present key, by its last known chain. */
  get chains(): readonly Chain[] {
    return [...this.#chains.values()];
  }

  /** Notes a host of the subnet; whether that is news. */
  note(chain: Chain): boolean {
    const [host] = chain;
    if (host === undefined) return false;
    const name = toHex(host);
    const known = this.#chains.get(name);
    if (known !== undefined && isEqualBytes(concatBytes(...known), concatBytes(...chain)))
      return false;
    this.#chains.delete(name);
    this.#chains.set(name, chain);
    if (this.#chains.size > HOSTS_REMEMBERED_MAX)
      this.#chains.delete(this.#chains.keys().next().value ?? "");
    return true;
  }

  /** The memory of the subnet under its next key: new hosts, a longer line of keys. */
  succeed(subnet: Uint8Array): SubnetMemory {
    return new SubnetMemory(subnet, [this.subnet, ...this.formers]);
  }

  encode(): Uint8Array {
    const writer = new ByteWriter();
    writer.bytes(this.subnet);
    for (const keys of [this.formers, ...this.chains]) {
      writer.u8(keys.length);
      for (const key of keys) writer.bytes(key);
    }
    return writer.finish();
  }

  /** @throws {WireError} */
  static decode(bytes: Uint8Array): SubnetMemory {
    const reader = new ByteReader(bytes);
    const readKeys = (): Uint8Array[] =>
      Array.from({ length: reader.u8() }, () => new Uint8Array(reader.bytes(KEY_BYTES)));
    const subnet = new Uint8Array(reader.bytes(KEY_BYTES));
    const formers = readKeys();
    const chains: Uint8Array[][] = [];
    while (reader.remaining > 0) chains.push(readKeys());
    return new SubnetMemory(
      subnet,
      formers,
      chains.filter((chain) => chain.length > 0),
    );
  }
}
