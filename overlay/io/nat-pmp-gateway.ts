/** Asks the router by NAT-PMP (RFC 6886). */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import type { Clock } from "../../platform/clock.ts";
import { errorMessage } from "../../platform/errors.ts";
import { formatAddress } from "../address.ts";
import { OverlayError } from "../errors.ts";
import type { Grant } from "../mapping/mapping-machine.ts";
import {
  decodePmpAnswer,
  encodeAddressRequest,
  encodeMapRequest,
  type PmpAnswer,
} from "../mapping/nat-pmp.ts";
import type { GatewayPlace, GatewayProtocol } from "./gateway.ts";

/** RFC 6886 §3.1, cut short: a router on the link that has not answered by then never does. */
const WAITS_MS = [250, 500, 1_000, 1_500];
/** RFC 6886 §3.6: clocks differ by an eighth, and answers by two seconds. */
const EPOCH_DRIFT = 7 / 8;
const EPOCH_SLACK_S = 2;

type Answered<Type extends PmpAnswer["type"]> = Extract<PmpAnswer, { type: Type }>;

export class NatPmpGateway implements GatewayProtocol {
  readonly name = "nat-pmp";
  readonly #at: GatewayPlace;
  readonly #clock: Clock;
  /** What the router said of its epoch last, and when; by port, each of which is to notice. */
  readonly #seen = new Map<number, { readonly epochS: number; readonly atMs: number }>();

  constructor(at: GatewayPlace, clock: Clock) {
    this.#at = at;
    this.#clock = clock;
  }

  async map(
    innerPort: number,
    [outerPort = innerPort]: readonly number[],
    lifetimeMs: number,
    signal: AbortSignal,
  ): Promise<Grant> {
    const request = encodeMapRequest(innerPort, outerPort, lifetimeMs / 1000);
    const isMeant = (answer: Answered<"mapped">): boolean => answer.innerPort === innerPort;
    const mapped = await this.#ask("mapped", request, signal, isMeant);
    const { address, epochS } = await this.#ask("address", encodeAddressRequest(), signal);
    this.#seen.set(innerPort, { epochS, atMs: this.#clock.monotonicMs() });
    return {
      protocol: this.name,
      outer: formatAddress(address, mapped.outerPort),
      lifetimeMs: mapped.lifetimeS * 1000,
    };
  }

  /** A router that counts from anew has forgotten all mappings (RFC 6886 §3.6). */
  async check(innerPort: number, grant: Grant, signal: AbortSignal): Promise<boolean> {
    const { address, epochS } = await this.#ask("address", encodeAddressRequest(), signal);
    const isSame = grant.outer.startsWith(`${address}:`);
    const before = this.#seen.get(innerPort);
    const atMs = this.#clock.monotonicMs();
    this.#seen.set(innerPort, { epochS, atMs });
    if (before === undefined) return isSame;
    const passedS = (atMs - before.atMs) / 1000;
    return isSame && epochS >= before.epochS + passedS * EPOCH_DRIFT - EPOCH_SLACK_S;
  }

  async unmap(innerPort: number, _grant: Grant, signal: AbortSignal): Promise<void> {
    await this.#ask("mapped", encodeMapRequest(innerPort, 0, 0), signal);
  }

  /** @throws {OverlayError} ERR_OVERLAY_GATEWAY with the reason of the router, or its silence */
  async #ask<Type extends "address" | "mapped">(
    type: Type,
    request: Uint8Array,
    signal: AbortSignal,
    isMeant: (answer: Answered<Type>) => boolean = () => true,
  ): Promise<Answered<Type>> {
    const isOurs = (answer: PmpAnswer): boolean =>
      answer.type === "refused"
        ? answer.about === type
        : answer.type === type && isMeant(answer as Answered<Type>);
    const answer = await exchange(this.#at, request, isOurs, signal);
    if (answer.type === "refused") throw new OverlayError("ERR_OVERLAY_GATEWAY", answer.reason);
    return answer as Answered<Type>;
  }
}

/** Sends until a meant answer comes. What does not decode is not for us, or a lie. */
async function exchange(
  { address, local, natPmpPort }: GatewayPlace,
  request: Uint8Array,
  isOurs: (answer: PmpAnswer) => boolean,
  signal: AbortSignal,
): Promise<PmpAnswer> {
  const socket = createSocket("udp4");
  try {
    socket.bind(0, local);
    await once(socket, "listening", { signal });
    // Connected, so that the kernel drops whatever another address sends.
    socket.connect(natPmpPort, address);
    await once(socket, "connect", { signal });
    return await firstAnswer(socket, request, isOurs, signal);
  } catch (cause) {
    const isRefused = /ECONNREFUSED/.test(errorMessage(cause));
    const reason = isRefused ? "no answer" : errorMessage(cause);
    if (cause instanceof OverlayError) throw cause;
    throw new OverlayError("ERR_OVERLAY_GATEWAY", reason, { cause });
  } finally {
    socket.close();
  }
}

function firstAnswer(
  socket: Socket,
  request: Uint8Array,
  isOurs: (answer: PmpAnswer) => boolean,
  signal: AbortSignal,
): Promise<PmpAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<PmpAnswer>();
  let tries = 0;
  let timer: NodeJS.Timeout;
  const send = (): void => {
    const waitMs = WAITS_MS[tries++];
    if (waitMs === undefined) return reject(new OverlayError("ERR_OVERLAY_GATEWAY", "no answer"));
    socket.send(request, (error) => error && reject(error));
    timer = setTimeout(send, waitMs);
  };
  const abort = (): void => reject(signal.reason as Error);
  signal.addEventListener("abort", abort);
  socket.on("error", reject);
  socket.on("message", (bytes) => {
    try {
      const answer = decodePmpAnswer(bytes);
      if (isOurs(answer)) resolve(answer);
    } catch {
      // the next may be right
    }
  });
  send();
  return promise.finally(() => {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  });
}
