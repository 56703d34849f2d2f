/** Asks the router by UPnP (Internet Gateway Device 1 and 2). */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { request as requestHttp, type IncomingMessage } from "node:http";
import { isIPv4 } from "node:net";
import { errorMessage } from "../../platform/errors.ts";
import { formatAddress, parseAddress } from "../address.ts";
import { OverlayError } from "../errors.ts";
import { MAPPING_LIFETIME_MS, type Grant } from "../mapping/mapping-machine.ts";
import {
  decodeDescription,
  decodeSearchAnswer,
  decodeSoapAnswer,
  DOCUMENT_BYTES_MAX,
  encodeSearches,
  encodeSoapCall,
  UPNP_ERROR,
  type SoapArguments,
  type UpnpControl,
} from "../mapping/upnp.ts";
import type { GatewayPlace, GatewayProtocol } from "./gateway.ts";

/** A search asks for answers within 1 s (MX), and is repeated once. */
const SEARCH_WAITS_MS = [700, 1_500];
const MULTICAST_HOPS = 2;
const HTTP_TIMEOUT_MS = 4_000;
const DESCRIPTION = "causeway";

type Place = Omit<UpnpControl, "service">;

export class UpnpGateway implements GatewayProtocol {
  readonly name = "upnp";
  readonly #at: GatewayPlace;
  #control: UpnpControl | undefined;

  constructor(at: GatewayPlace) {
    this.#at = at;
  }

  async map(
    innerPort: number,
    outerPorts: readonly number[],
    lifetimeMs: number,
    signal: AbortSignal,
  ): Promise<Grant> {
    for (const outerPort of outerPorts) {
      // Some routers give a port away that another host has.
      const owner = await this.#ownerOf(outerPort, signal);
      if (owner !== undefined && owner !== this.#inner(innerPort)) continue;
      const grantedMs = await this.#add(innerPort, outerPort, lifetimeMs, signal);
      if (grantedMs === undefined) continue;
      const outer = formatAddress(await this.#outerAddress(signal), outerPort);
      return { protocol: this.name, outer, lifetimeMs: grantedMs };
    }
    throw refused("the ports asked for are other hosts'");
  }

  async check(innerPort: number, grant: Grant, signal: AbortSignal): Promise<boolean> {
    const { host, port } = parseAddress(grant.outer);
    const owner = await this.#ownerOf(port, signal);
    return owner === this.#inner(innerPort) && (await this.#outerAddress(signal)) === host;
  }

  async unmap(_innerPort: number, grant: Grant, signal: AbortSignal): Promise<void> {
    await this.#call("DeletePortMapping", entry(parseAddress(grant.outer).port), [], signal);
  }

  /** @returns how long it is mapped; `undefined` when the port is another host's */
  async #add(
    innerPort: number,
    outerPort: number,
    lifetimeMs: number,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const add = (leaseS: number) =>
      this.#call(
        "AddPortMapping",
        {
          ...entry(outerPort),
          NewInternalPort: innerPort,
          NewInternalClient: this.#at.local,
          NewEnabled: 1,
          NewPortMappingDescription: DESCRIPTION,
          NewLeaseDuration: leaseS,
        },
        [],
        signal,
      );
    let answer = await add(lifetimeMs / 1000);
    if (answer.type === "done") return lifetimeMs;
    if (answer.code === UPNP_ERROR.onlyPermanent) answer = await add(0);
    if (answer.type === "done") return MAPPING_LIFETIME_MS;
    const { conflict, samePortValues } = UPNP_ERROR;
    if (answer.code === conflict || answer.code === samePortValues) return undefined;
    throw refused(`it refused to map a port (error ${answer.code})`);
  }

  /** `ADDRESS:PORT` that an outer port leads to; `undefined` when it leads nowhere, as far as told. */
  async #ownerOf(outerPort: number, signal: AbortSignal): Promise<string | undefined> {
    const names = ["NewInternalClient", "NewInternalPort"];
    const answer = await this.#call("GetSpecificPortMappingEntry", entry(outerPort), names, signal);
    if (answer.type === "fault") return undefined;
    const [client, port] = answer.values;
    return `${client}:${port}`;
  }

  async #outerAddress(signal: AbortSignal): Promise<string> {
    const names = ["NewExternalIPAddress"];
    const answer = await this.#call("GetExternalIPAddress", {}, names, signal);
    const address = answer.type === "done" ? answer.values[0] : undefined;
    if (address !== undefined && isIPv4(address)) return address;
    throw refused("it does not tell its outer address");
  }

  #inner(innerPort: number): string {
    return `${this.#at.local}:${innerPort}`;
  }

  async #call(action: string, given: SoapArguments, names: readonly string[], signal: AbortSignal) {
    try {
      this.#control ??= await findControl(this.#at, signal);
      const { service } = this.#control;
      const body = encodeSoapCall(service, action, given);
      const headers = {
        "content-type": 'text/xml; charset="utf-8"',
        soapaction: `"${service}#${action}"`,
      };
      const bytes = await fetchDocument(this.#at, this.#control, { body, headers }, signal);
      return decodeSoapAnswer(bytes, names);
    } catch (cause) {
      this.#control = undefined; // looked for anew: a router that restarts may answer elsewhere
      if (cause instanceof OverlayError) throw cause;
      throw new OverlayError("ERR_OVERLAY_GATEWAY", errorMessage(cause), { cause });
    }
  }
}

function entry(outerPort: number): SoapArguments {
  return { NewRemoteHost: "", NewExternalPort: outerPort, NewProtocol: "TCP" };
}

function refused(reason: string): OverlayError {
  return new OverlayError("ERR_OVERLAY_GATEWAY", reason);
}

async function findControl(at: GatewayPlace, signal: AbortSignal): Promise<UpnpControl> {
  const described = await search(at, signal);
  const description = await fetchDocument(at, described, {}, signal);
  const control = decodeDescription(description, described);
  if (control.host !== at.address) throw refused("it names another host for its calls");
  return control;
}

/** Asks the link; the gateway's own answer counts, and only where it names itself. */
async function search(at: GatewayPlace, signal: AbortSignal): Promise<Place> {
  const socket = createSocket("udp4");
  try {
    socket.bind(0, at.local);
    await once(socket, "listening", { signal });
    socket.setMulticastInterface(at.local);
    socket.setMulticastTTL(MULTICAST_HOPS);
    return await firstFound(socket, at, signal);
  } finally {
    socket.close();
  }
}

function firstFound(socket: Socket, at: GatewayPlace, signal: AbortSignal): Promise<Place> {
  const { promise, resolve, reject } = Promise.withResolvers<Place>();
  let tries = 0;
  let timer: NodeJS.Timeout;
  const send = (): void => {
    const waitMs = SEARCH_WAITS_MS[tries++];
    if (waitMs === undefined) return reject(refused("no answer"));
    for (const one of encodeSearches())
      socket.send(one, at.search.port, at.search.address, (error) => error && reject(error));
    timer = setTimeout(send, waitMs);
  };
  const abort = (): void => reject(signal.reason as Error);
  signal.addEventListener("abort", abort);
  socket.on("error", reject);
  socket.on("message", (bytes, { address }) => {
    if (address !== at.address) return;
    try {
      const place = decodeSearchAnswer(bytes);
      if (place.host === at.address) resolve(place);
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

/** A GET, or a POST with a body; follows no redirection. @throws when it is slow or too long */
async function fetchDocument(
  at: GatewayPlace,
  { host, port, path }: Place,
  given: { readonly body?: Uint8Array; readonly headers?: Readonly<Record<string, string>> },
  ending: AbortSignal,
): Promise<Uint8Array> {
  const { body, headers = {} } = given;
  const signal = AbortSignal.any([ending, AbortSignal.timeout(HTTP_TIMEOUT_MS)]);
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const method = body === undefined ? "GET" : "POST";
  const length = body === undefined ? {} : { "content-length": body.length };
  const request = requestHttp(
    {
      ...{ host, port, path, method, signal, agent: false, localAddress: at.local },
      headers: { ...headers, ...length, connection: "close" },
    },
    (response) => void readBody(response).then(resolve, reject),
  );
  request.on("error", reject);
  request.end(body);
  try {
    return await promise;
  } finally {
    request.destroy();
  }
}

async function readBody(response: IncomingMessage): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response as AsyncIterable<Uint8Array>) {
    bytes += part.length;
    if (bytes > DOCUMENT_BYTES_MAX) throw refused("its answer is too long");
    parts.push(part);
  }
  return Buffer.concat(parts);
}
