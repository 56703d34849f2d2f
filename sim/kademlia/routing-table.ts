/**
 * Routing tables of many nodes: buckets by shared prefix, and the nearest nodes apart from them.
 *
 * Buckets hold k contacts, least recently seen first; a full one takes no newcomer (Maymounkov and
 * Mazières 2002, §2.2). The sibling list of S/Kademlia (Baumgart and Mies 2007, §4.3) holds the
 * nearest nodes, ordered by distance. A contact is in one of the two.
 */
import { NONE } from "../engine/event-slab.ts";
import type { NodeIds } from "../engine/protocol.ts";
import type { KademliaScenario } from "../scenario/scenario.ts";
import { BucketPool } from "./bucket-pool.ts";

/** Bits of the distance that have buckets of their own; a million nodes differ in some 20. */
const LEVEL_BITS = 32;
const FLIP = 0x80000000 | 0;

export type TableScenario = Pick<
  KademliaScenario,
  "k" | "b" | "siblings" | "siblingFactor" | "replacements"
>;

export class RoutingTable {
  /** Buckets of a node, filled or not. */
  readonly bucketsMax: number;
  readonly siblingsMax: number;
  /** Contacts taken in, or out, by any node. */
  changes = 0;
  readonly #ids: NodeIds;
  readonly #shift: number;
  readonly #bits: number;
  readonly #k: number;
  readonly #pool: BucketPool;
  /** By row: rows of the pool, or NONE. */
  readonly #buckets: Int32Array;
  /** Contacts in each bucket: most looks at one end here, and need not go to the pool. */
  readonly #counts: Uint8Array;
  /** By row: the nearest nodes, and the upper halves of their distances with the sign bit flipped. */
  readonly #siblings: Int32Array;
  readonly #distances: Int32Array;
  readonly #siblingCounts: Uint8Array;

  constructor(scenario: TableScenario, ids: NodeIds, rows: number, shift: number) {
    const { k, b, siblings, siblingFactor, replacements } = scenario;
    this.#ids = ids;
    this.#shift = shift;
    this.#bits = b;
    this.#k = k;
    this.bucketsMax = Math.ceil(LEVEL_BITS / b) * (2 ** b - 1);
    this.siblingsMax = siblings * siblingFactor;
    this.#pool = new BucketPool(k, replacements, rows * this.bucketsMax);
    this.#buckets = new Int32Array(rows * this.bucketsMax).fill(NONE);
    this.#counts = new Uint8Array(rows * this.bucketsMax);
    this.#siblings = new Int32Array(rows * this.siblingsMax);
    this.#distances = new Int32Array(rows * this.siblingsMax);
    this.#siblingCounts = new Uint8Array(rows);
  }

  siblingCount(node: number): number {
    return this.#siblingCounts[node >> this.#shift]!;
  }

  /** The nearest come first. */
  siblingAt(node: number, index: number): number {
    return this.#siblings[(node >> this.#shift) * this.siblingsMax + index]!;
  }

  /** When a lookup last went through a bucket, in seconds; -Infinity when none ever did. */
  usedS(node: number, bucket: number): number {
    const pooled = this.#buckets[(node >> this.#shift) * this.bucketsMax + bucket]!;
    return pooled === NONE ? -Infinity : this.#pool.usedS(pooled);
  }

  /** A lookup went through a bucket. @param distance upper half of a distance in it */
  touch(node: number, distance: number, nowS: number): void {
    const at = (node >> this.#shift) * this.bucketsMax + this.bucketOf(distance);
    if (this.#buckets[at] === NONE) this.#buckets[at] = this.#pool.take();
    this.#pool.touch(this.#buckets[at]!, nowS);
  }

  /** The bucket that a distance belongs to. @param distance upper half */
  bucketOf(distance: number): number {
    const bits = this.#bits;
    if (bits === 1) return distance === 0 ? LEVEL_BITS - 1 : Math.clz32(distance | 0);
    if (distance === 0) return this.bucketsMax - 1;
    const level = Math.floor(Math.clz32(distance | 0) / bits);
    const below = LEVEL_BITS - bits * (level + 1);
    const digit = (below >= 0 ? distance >>> below : distance << -below) & (2 ** bits - 1);
    return level * (2 ** bits - 1) + digit - 1;
  }

  /** The upper half of the least distance that belongs to a bucket. */
  distanceIn(bucket: number): number {
    const bits = this.#bits;
    const digits = 2 ** bits - 1;
    const level = Math.floor(bucket / digits);
    const digit = (bucket % digits) + 1;
    const below = LEVEL_BITS - bits * (level + 1);
    return below < 0 ? digit >>> -below : digit << below;
  }

  /** Nearer than this bucket no contact is known. */
  nearestBucket(node: number): number {
    if (this.siblingCount(node) === 0) return 0;
    return this.bucketOf(this.#ids.high[node]! ^ this.#ids.high[this.siblingAt(node, 0)]!);
  }

  /** Takes a contact in that has just spoken itself, if there is room for it. */
  add(node: number, contact: number): void {
    const { high } = this.#ids;
    const row = node >> this.#shift;
    const flipped = high[contact]! ^ high[node]! ^ FLIP;
    if (contact === node) return;
    if (this.#isNear(row, flipped))
      this.#addSibling(node, contact, flipped, this.#behind(row, flipped, this.siblingsMax));
    else this.#addToBucket(row, contact, flipped, true);
  }

  /** Takes contacts in that somebody named, as far as there is room for them: words from `from` to before `to`. */
  addNamed(node: number, contacts: Int32Array, from: number, to: number): void {
    const { high } = this.#ids;
    const row = node >> this.#shift;
    const own = high[node]! ^ FLIP;
    // They come in some order of distance, mostly: each is looked for from the one before.
    let behind = 0;
    for (let next = from; next < to; next++) {
      const contact = contacts[next]!;
      if (contact === node) continue;
      const flipped = high[contact]! ^ own;
      if (!this.#isNear(row, flipped)) {
        this.#addToBucket(row, contact, flipped, false);
        continue;
      }
      behind = this.#behind(row, flipped, behind);
      this.#addSibling(node, contact, flipped, behind);
    }
  }

  /** A contact is gone. */
  remove(node: number, contact: number): void {
    const row = node >> this.#shift;
    const first = row * this.siblingsMax;
    const count = this.#siblingCounts[row]!;
    for (let at = first; at < first + count; at++) {
      if (this.#siblings[at] !== contact) continue;
      this.#siblings.copyWithin(at, at + 1, first + count);
      this.#distances.copyWithin(at, at + 1, first + count);
      this.#siblingCounts[row]!--;
      this.changes++;
      this.#refillSiblings(node);
      return;
    }
    const flipped = this.#ids.high[contact]! ^ this.#ids.high[node]! ^ FLIP;
    if (this.#removeFromBucket(row, contact, flipped)) this.changes++;
  }

  /** Forgets all. */
  clear(node: number): void {
    const row = node >> this.#shift;
    this.#siblingCounts[row] = 0;
    const end = (row + 1) * this.bucketsMax;
    for (let at = row * this.bucketsMax; at < end; at++) {
      if (this.#buckets[at] === NONE) continue;
      this.#pool.release(this.#buckets[at]!);
      this.#buckets[at] = NONE;
      this.#counts[at] = 0;
    }
  }

  /** Whether the node is among the `wanted` nodes closest to a key, as far as it can tell. */
  isSibling(node: number, keyHigh: number, keyLow: number, wanted: number): boolean {
    const { high, low } = this.#ids;
    const row = node >> this.#shift;
    const count = this.#siblingCounts[row]!;
    if (count < wanted) return true;
    const first = row * this.siblingsMax;
    const ownHigh = high[node]! ^ keyHigh ^ FLIP;
    const ownLow = low[node]! ^ keyLow ^ FLIP;
    // Farther away than what it knows all of: others may be between.
    if (count === this.siblingsMax && ownHigh > this.#distances[first + count - 1]!) return false;
    let nearer = 0;
    for (let at = first; at < first + count; at++) {
      const sibling = this.#siblings[at]!;
      const itsHigh = high[sibling]! ^ keyHigh ^ FLIP;
      if (itsHigh > ownHigh) continue;
      if (itsHigh === ownHigh && (low[sibling]! ^ keyLow ^ FLIP) >= ownLow) continue;
      if (++nearer >= wanted) return false;
    }
    return true;
  }

  /**
   * Offers a collector contacts near a key until nothing that is left can be nearer than what it has.
   *
   * Contacts of one bucket are all nearer to the key than those of the next one in this order: the
   * key's own bucket, all that share more with the node than the key does, and then away from it.
   */
  collect(node: number, keyHigh: number, into: Collector): void {
    const row = node >> this.#shift;
    const first = row * this.siblingsMax;
    const count = this.#siblingCounts[row]!;
    for (let at = first; at < first + count; at++) into.offer(this.#siblings[at]!);
    const distance = keyHigh ^ this.#ids.high[node]!;
    const own = this.bucketOf(distance);
    const digits = 2 ** this.#bits - 1;
    const ownLevel = Math.floor(own / digits);
    this.#collectBucket(row, own, into);
    if (into.isSatisfied((ownLevel + 1) * this.#bits)) return;
    for (let bucket = (ownLevel + 1) * digits; bucket < this.bucketsMax; bucket++)
      this.#collectBucket(row, bucket, into);
    for (let bucket = ownLevel * digits; bucket < (ownLevel + 1) * digits; bucket++)
      if (bucket !== own) this.#collectBucket(row, bucket, into);
    for (let level = ownLevel - 1; level >= 0; level--) {
      if (into.isSatisfied((level + 1) * this.#bits)) return;
      for (let bucket = level * digits; bucket < (level + 1) * digits; bucket++)
        this.#collectBucket(row, bucket, into);
    }
  }

  /** Every contact. */
  contactsOf(node: number): number[] {
    const row = node >> this.#shift;
    const found: number[] = [];
    for (let i = 0; i < this.siblingCount(node); i++) found.push(this.siblingAt(node, i));
    for (let bucket = 0; bucket < this.bucketsMax; bucket++) {
      const at = row * this.bucketsMax + bucket;
      const pooled = this.#buckets[at]!;
      for (let i = 0; i < this.#counts[at]!; i++) found.push(this.#pool.at(pooled, i));
    }
    return found;
  }

  #collectBucket(row: number, bucket: number, into: Collector): void {
    const at = row * this.bucketsMax + bucket;
    const count = this.#counts[at]!;
    if (count === 0) return;
    const pooled = this.#buckets[at]!;
    for (let i = 0; i < count; i++) into.offer(this.#pool.at(pooled, i));
  }

  /** Whether it is near enough for the siblings. @param flipped upper half of a distance, its sign bit flipped */
  #isNear(row: number, flipped: number): boolean {
    const count = this.#siblingCounts[row]!;
    if (count < this.siblingsMax) return true;
    return flipped <= this.#distances[row * this.siblingsMax + count - 1]!;
  }

  /** How many siblings are no farther than that. @param near about how many */
  #behind(row: number, flipped: number, near: number): number {
    const distances = this.#distances;
    const first = row * this.siblingsMax;
    const end = first + this.#siblingCounts[row]!;
    let at = Math.min(first + near, end);
    while (at < end && distances[at]! <= flipped) at++;
    while (at > first && distances[at - 1]! > flipped) at--;
    return at - first;
  }

  /** @param behind siblings that are no farther */
  #addSibling(node: number, contact: number, flipped: number, behind: number): void {
    const row = node >> this.#shift;
    const first = row * this.siblingsMax;
    let at = first + behind;
    for (; at > first && this.#distances[at - 1] === flipped; at--) {
      const other = this.#siblings[at - 1]!;
      if (other === contact) return;
      if (!this.#isFarther(node, other, contact)) break;
    }
    if (at === first + this.siblingsMax) return; // equal in the upper half, but no nearer
    this.#insertSibling(row, contact, flipped, at);
  }

  #insertSibling(row: number, contact: number, flipped: number, at: number): void {
    const first = row * this.siblingsMax;
    const count = this.#siblingCounts[row]!;
    this.#removeFromBucket(row, contact, flipped);
    const isFull = count === this.siblingsMax;
    const end = isFull ? first + count - 1 : first + count;
    const pushed = this.#siblings[end]!;
    const pushedFlipped = this.#distances[end]!;
    for (let to = end; to > at; to--) {
      this.#siblings[to] = this.#siblings[to - 1]!;
      this.#distances[to] = this.#distances[to - 1]!;
    }
    this.#siblings[at] = contact;
    this.#distances[at] = flipped;
    this.changes++;
    if (!isFull) this.#siblingCounts[row]!++;
    else this.#addToBucket(row, pushed, pushedFlipped, false);
  }

  /** Of two with one upper half: by the lower one. */
  #isFarther(node: number, left: number, right: number): boolean {
    const { low } = this.#ids;
    return (low[left]! ^ low[node]!) >>> 0 > (low[right]! ^ low[node]!) >>> 0;
  }

  /** @param flipped the upper half of its distance, its sign bit flipped */
  #addToBucket(row: number, contact: number, flipped: number, isLive: boolean): void {
    const at = row * this.bucketsMax + this.bucketOf(flipped ^ FLIP);
    const count = this.#counts[at]!;
    if (!isLive && count === this.#k) return;
    if (this.#buckets[at] === NONE) this.#buckets[at] = this.#pool.take();
    if (!this.#pool.add(this.#buckets[at]!, contact, isLive)) return;
    this.#counts[at] = count + 1;
    this.changes++;
  }

  /** @returns whether it was there */
  #removeFromBucket(row: number, contact: number, flipped: number): boolean {
    const at = row * this.bucketsMax + this.bucketOf(flipped ^ FLIP);
    if (this.#counts[at] === 0) return false;
    const pooled = this.#buckets[at]!;
    if (!this.#pool.remove(pooled, contact)) return false;
    this.#counts[at] = this.#pool.countOf(pooled);
    return true;
  }

  /** The nearest contact of the buckets becomes a sibling. */
  #refillSiblings(node: number): void {
    const row = node >> this.#shift;
    const { high } = this.#ids;
    for (let bucket = this.bucketsMax - 1; bucket >= 0; bucket--) {
      const at = row * this.bucketsMax + bucket;
      const pooled = this.#buckets[at]!;
      const count = this.#counts[at]!;
      let nearest = NONE;
      for (let i = 0; i < count; i++) {
        const contact = this.#pool.at(pooled, i);
        const distance = (high[contact]! ^ high[node]!) >>> 0;
        if (nearest === NONE || distance < (high[nearest]! ^ high[node]!) >>> 0) nearest = contact;
      }
      if (nearest === NONE) continue;
      const flipped = high[nearest]! ^ high[node]! ^ FLIP;
      this.#addSibling(node, nearest, flipped, this.#behind(row, flipped, this.siblingsMax));
      return;
    }
  }
}

/** What `collect` fills. */
export interface Collector {
  offer(contact: number): void;
  /** Whether it is full of contacts that share so many bits with the key. */
  isSatisfied(bits: number): boolean;
}
