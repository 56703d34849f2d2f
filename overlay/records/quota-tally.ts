/** How much of each quota is used: per key, publisher, subnet and host, and in all. */

/** Who is answerable for a record's being here. */
export interface Origin {
  /** Subnet that it entered the overlay by; `null`: our own, whose bytes have no bound of theirs. */
  readonly from: string | null;
  /** Host that brought it to our subnet; empty: this host itself, or unknown. */
  readonly by: string;
  /** `from` is only what that host says: the record did not come from there to us. */
  readonly isVouched: boolean;
}

/** A record as the quotas see it. */
export interface QuotaShare extends Origin {
  readonly keyHex: string;
  readonly publisherHex: string;
  /** Whether this host published it. */
  readonly isMine: boolean;
  readonly bytes: number;
}

export interface QuotaLimits {
  /** Records under one key. Default 256. */
  readonly recordsPerKeyMax: number;
  /** Records of one publisher under one key. Default 32. */
  readonly recordsPerPublisherMax: number;
  /** Records that enter by one other subnet under one key. Default 128, so that none fills it. */
  readonly recordsPerKeyAndSubnetMax: number;
  /** The same of one host, whichever subnets it acts for. Default 128. */
  readonly recordsPerKeyAndHostMax: number;
  /** Records under one key that one host says came by a subnet not its own. Default 32. */
  readonly recordsPerKeyAndVoucherMax: number;
  /** Bytes that one other subnet may fill, and one host of another subnet. Default 8 MiB. */
  readonly subnetBytesMax: number;
  /** Bytes of all records. Default 32 MiB. */
  readonly storeBytesMax: number;
  /** Part of `storeBytesMax` that only this host's own records may fill. Default 1/16. */
  readonly ownFraction: number;
}

export const QUOTA_DEFAULTS: QuotaLimits = {
  ...keyShares(256),
  recordsPerPublisherMax: 32,
  subnetBytesMax: 8 * 2 ** 20,
  storeBytesMax: 32 * 2 ** 20,
  ownFraction: 1 / 16,
};

/** The quota that a record would break. */
export type QuotaName =
  | "key"
  | "publisher"
  | "key-and-subnet"
  | "key-and-host"
  | "key-and-voucher"
  | "subnet"
  | "host"
  | "store";

/**
 * How many records one key takes, and how many of them from one source.
 *
 * A member that brings half a key, lies about the origin of an eighth, and has two other subnets
 * pass on what it lied about to each, still leaves an eighth to others.
 */
export function keyShares(
  recordsPerKeyMax: number,
): Pick<
  QuotaLimits,
  | "recordsPerKeyMax"
  | "recordsPerKeyAndSubnetMax"
  | "recordsPerKeyAndHostMax"
  | "recordsPerKeyAndVoucherMax"
> {
  const half = Math.ceil(recordsPerKeyMax / 2);
  return {
    recordsPerKeyMax,
    recordsPerKeyAndSubnetMax: half,
    recordsPerKeyAndHostMax: half,
    recordsPerKeyAndVoucherMax: Math.ceil(recordsPerKeyMax / 8),
  };
}

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
    const { keyHex, publisherHex, from, by, isMine, isVouched, bytes } = share;
    const limits = this.#limits;
    const storeMax = limits.storeBytesMax * (isMine ? 1 : 1 - limits.ownFraction);
    if (this.#of(keyName(keyHex)) >= limits.recordsPerKeyMax) return "key";
    if (this.#of(publisherName(keyHex, publisherHex)) >= limits.recordsPerPublisherMax)
      return "publisher";
    if (this.#bytes + bytes > storeMax) return "store";
    if (from !== null) {
      if (this.#of(keyAndSubnetName(keyHex, from)) >= limits.recordsPerKeyAndSubnetMax)
        return "key-and-subnet";
      if (this.#of(subnetName(from)) + bytes > limits.subnetBytesMax) return "subnet";
      if (this.#of(hostName(by)) + bytes > limits.subnetBytesMax) return "host";
    }
    if (this.#isHostOverKey(share)) return isVouched ? "key-and-voucher" : "key-and-host";
    return undefined;
  }

  #isHostOverKey({ keyHex, by, isVouched }: QuotaShare): boolean {
    const { recordsPerKeyAndVoucherMax, recordsPerKeyAndHostMax } = this.#limits;
    const max = isVouched ? recordsPerKeyAndVoucherMax : recordsPerKeyAndHostMax;
    return by !== "" && this.#of(keyAndHostName(keyHex, by, isVouched)) >= max;
  }

  #count(share: QuotaShare, sign: 1 | -1): void {
    const { keyHex, publisherHex, from, by, isVouched, bytes } = share;
    this.#bytes += sign * bytes;
    this.#change(keyName(keyHex), sign);
    this.#change(publisherName(keyHex, publisherHex), sign);
    if (by !== "") this.#change(keyAndHostName(keyHex, by, isVouched), sign);
    if (from === null) return;
    this.#change(keyAndSubnetName(keyHex, from), sign);
    this.#change(subnetName(from), sign * bytes);
    if (by !== "") this.#change(hostName(by), sign * bytes);
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
const keyAndHostName = (keyHex: string, host: string, isVouched: boolean): string =>
  `${isVouched ? "kv" : "kh"} ${keyHex} ${host}`;
const hostName = (host: string): string => `h ${host}`;
const subnetName = (subnet: string): string => `s ${subnet}`;
