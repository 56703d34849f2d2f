/** How many connections at once: in all, to one service, and of one peer. */

export interface ConnectionMaxima {
  readonly totalMax: number;
  readonly perServiceMax: number;
  readonly perPeerMax: number;
}

export class ConnectionLimits {
  readonly #maxima: ConnectionMaxima;
  readonly #services = new Map<string, number>();
  readonly #peers = new Map<string, number>();
  #total = 0;

  constructor(maxima: ConnectionMaxima) {
    this.#maxima = maxima;
  }

  /**
   * Counts one more, unless that is too many.
   *
   * @returns why not; `undefined` when it was counted, and then `release` is owed
   */
  take(service: string, peer: string): string | undefined {
    const { totalMax, perServiceMax, perPeerMax } = this.#maxima;
    if (this.#total >= totalMax)
      return `${totalMax} connections through this host are open already`;
    if ((this.#services.get(service) ?? 0) >= perServiceMax)
      return `${perServiceMax} connections to this service are open already`;
    if ((this.#peers.get(peer) ?? 0) >= perPeerMax)
      return `${perPeerMax} connections of ${peer} are open already`;
    this.#total++;
    add(this.#services, service, 1);
    add(this.#peers, peer, 1);
    return undefined;
  }

  release(service: string, peer: string): void {
    this.#total--;
    add(this.#services, service, -1);
    add(this.#peers, peer, -1);
  }
}

function add(counts: Map<string, number>, name: string, change: number): void {
  const count = (counts.get(name) ?? 0) + change;
  if (count > 0) counts.set(name, count);
  else counts.delete(name);
}
