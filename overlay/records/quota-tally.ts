/** How much of each quota is used: per key, publisher and subnet, and in all. */

/** A record as the quotas see it. */
export interface QuotaShare {
  readonly keyHex: string;
  readonly publisherHex: string;
  /** Subnet that brought it; `null`: our own, which has no share to keep to. */
  readonly from: string | null;
  /** Whether this host published it. */
  readonly isMine: boolean;
  readonly bytes: number;
}

export interface QuotaLimits {
  /** Records under one key. Default 256. */
  readonly recordsPerKeyMax: number;
  /** Records of one publisher under one key. Default 32. */
  readonly recordsPerPublisherMax: number;
  /** Records that one other subnet may bring under one key. Default 192, so that none fills it. */
  readonly recordsPerKeyAndSubnetMax: number;
  /** Bytes that one other subnet may fill. Default 8 MiB. */
  readonly subnetBytesMax: number;
  /** Bytes of all records. Default 32 MiB. */
  readonly storeBytesMax: number;
  /** Part of `storeBytesMax` that only this host's own records may fill. Default 1/16. */
  readonly ownFraction: number;
}

export const QUOTA_DEFAULTS: QuotaLimits = {
  recordsPerKeyMax: 256,
  recordsPerPublisherMax: 32,
  recordsPerKeyAndSubnetMax: 192,
  subnetBytesMax: 8 * 2 ** 20,
  storeBytesMax: 32 * 2 ** 20,
  ownFraction: 1 / 16,
};

/** The quota that a record would break. */
export type QuotaName = "key" | "publisher" | "key-and-subnet" | "subnet" | "store";

export class QuotaTally {
  readonly #limits: QuotaLimits;
  readonly #used = new Map<string, number>();
  #bytes = 0;

  constructor(limits: QuotaLimits) {
    this.#limits = limits;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(share: QuotaShare): void {
    this.#count(share, 1);
  }

  remove(share: QuotaShare): void {
    this.#count(share, -1);
  }

  /** The quota that adding `share` would break, once `replaced` has made room. */
  brokenBy(share: QuotaShare, replaced: QuotaShare | undefined): QuotaName | undefined {
    if (replaced !== undefined) this.remove(replaced);
    const broken = this.#broken(share);
    if (replaced !== undefined) this.add(replaced);
    return broken;
  }

  #broken(share: QuotaShare): QuotaName | undefined {
    const { keyHex, publisherHex, from, isMine, bytes } = share;
    const limits = this.#limits;
    const storeMax = limits.storeBytesMax * (isMine ? 1 : 1 - limits.ownFraction);
    if (this.#of(keyName(keyHex)) >= limits.recordsPerKeyMax) return "key";
    if (this.#of(publisherName(keyHex, publisherHex)) >= limits.recordsPerPublisherMax)
      return "publisher";
    if (this.#bytes + bytes > storeMax) return "store";
    if (from === null) return undefined;
    if (this.#of(keyAndSubnetName(keyHex, from)) >= limits.recordsPerKeyAndSubnetMax)
      return "key-and-subnet";
    if (this.#of(subnetName(from)) + bytes > limits.subnetBytesMax) return "subnet";
    return undefined;
  }

  #count({ keyHex, publisherHex, from, bytes }: QuotaShare, sign: 1 | -1): void {
    this.#bytes += sign * bytes;
    this.#change(keyName(keyHex), sign);
    this.#change(publisherName(keyHex, publisherHex), sign);
    if (from === null) return;
    this.#change(keyAndSubnetName(keyHex, from), sign);
    this.#change(subnetName(from), sign * bytes);
  }

  #change(name: string, by: number): void {
    const used = this.#of(name) + by;
    if (used === 0) this.#used.delete(name);
    else this.#used.set(name, used);
  }

  #of(name: string): number {
    return this.#used.get(name) ?? 0;
  }
}

const keyName = (keyHex: string): string => `k ${keyHex}`;
const publisherName = (keyHex: string, publisherHex: string): string =>
  `p ${keyHex} ${publisherHex}`;
const keyAndSubnetName = (keyHex: string, subnet: string): string => `ks ${keyHex} ${subnet}`;
const subnetName = (subnet: string): string => `s ${subnet}`;
