/** A router on loopback that speaks NAT-PMP and UPnP, and lies as a test says. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { GatewayPlace } from "../../../overlay/io/gateway.ts";

export interface Mapped {
  readonly client: string;
  readonly port: number;
}

export class FakeGateway {
  readonly place: GatewayPlace;
  /** TCP mappings by outer port. */
  readonly mappings = new Map<number, Mapped>();
  /** Names of all that was asked, in order. */
  readonly asked: string[] = [];
  outer = "203.0.113.7";
  epochS = 1_000;
  lifetimeS = 3_600;
  speaksPmp = true;
  speaksUpnp = true;
  /** NAT-PMP's result for a mapping; 0 grants it. */
  pmpResult = 0;
  /** UPnP's error for a mapping with a lease; 0 grants it. */
  upnpError = 0;
  /** Bytes sent instead of any answer by UDP. */
  garbage: Uint8Array | undefined;
  /** A page given instead of each document. */
  page: string | undefined;
  /** Where the description says that its calls go. */
  controlUrl = "/ctl";
  /** Sends all answers by UDP from its own address. */
  liar: Socket | undefined;
  lies = 0;
  readonly #close: () => void;

  private constructor(place: GatewayPlace, close: () => void) {
    this.place = place;
    this.#close = close;
  }

  static async start(): Promise<FakeGateway> {
    const host = "127.0.0.1";
    const pmp = createSocket("udp4").bind(0, host);
    const ssdp = createSocket("udp4").bind(0, host);
    const http = createServer().listen(0, host);
    await Promise.all([once(pmp, "listening"), once(ssdp, "listening"), once(http, "listening")]);
    const search = { address: host, port: ssdp.address().port };
    const place = { address: host, local: host, natPmpPort: pmp.address().port, search };
    const gateway = new FakeGateway(place, () => {
      pmp.close();
      ssdp.close();
      http.close();
    });
    pmp.on("message", (bytes, { port, address }) => {
      const answer = gateway.#pmp(bytes);
      if (answer !== undefined) gateway.#from(pmp).send(answer, port, address);
    });
    ssdp.on("message", (_bytes, { port, address }) => {
      gateway.asked.push("search");
      if (gateway.garbage !== undefined) ssdp.send(gateway.garbage, port, address);
      else if (gateway.speaksUpnp)
        gateway.#from(ssdp).send(found(http.address() as AddressInfo), port, address);
    });
    http.on("request", (request, response) => {
      void text(request).then((body) => {
        const action = /#(\w+)/.exec(String(request.headers["soapaction"]))?.[1] ?? "describe";
        gateway.asked.push(action);
        response.end(gateway.page ?? gateway.#answer(action, body));
      });
    });
    return gateway;
  }

  close(): void {
    this.#close();
  }

  #from(own: Socket): Socket {
    if (this.liar !== undefined) this.lies++;
    return this.liar ?? own;
  }

  #pmp(bytes: Buffer): Uint8Array | undefined {
    if (!this.speaksPmp) return undefined;
    if (this.garbage !== undefined) return this.garbage;
    const isMap = bytes[1] === 2;
    this.asked.push(isMap ? "pmp-map" : "pmp-address");
    const answer = Buffer.alloc(isMap ? 16 : 12);
    answer[1] = 128 + bytes[1]!;
    answer.writeUInt32BE(this.epochS, 4);
    if (!isMap) {
      answer.set(this.outer.split(".").map(Number), 8);
      return answer;
    }
    answer.writeUInt16BE(this.pmpResult, 2);
    const inner = bytes.readUInt16BE(4);
    const lifetimeS = bytes.readUInt32BE(8);
    const outer = lifetimeS === 0 ? 0 : this.#grant(inner, bytes.readUInt16BE(6));
    if (lifetimeS === 0) this.#take(inner);
    answer.writeUInt16BE(inner, 8);
    answer.writeUInt16BE(outer, 10);
    answer.writeUInt32BE(lifetimeS === 0 ? 0 : this.lifetimeS, 12);
    return answer;
  }

  /** The port asked for, or the next that no other has. */
  #grant(inner: number, wanted: number): number {
    if (this.pmpResult !== 0) return wanted;
    let outer = wanted;
    while ((this.mappings.get(outer)?.client ?? "127.0.0.1") !== "127.0.0.1") outer++;
    this.mappings.set(outer, { client: "127.0.0.1", port: inner });
    return outer;
  }

  #take(inner: number): void {
    for (const [outer, { port, client }] of this.mappings)
      if (port === inner && client === "127.0.0.1") this.mappings.delete(outer);
  }

  #answer(action: string, body: string): string {
    const value = (name: string): string =>
      new RegExp(`<${name}>([^<]*)</${name}>`).exec(body)?.[1] ?? "";
    const outer = Number(value("NewExternalPort"));
    const entry = this.mappings.get(outer);
    switch (action) {
      case "describe":
        return (
          "<root><device><serviceList><service>" +
          "<serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType>" +
          `<controlURL>${this.controlUrl}</controlURL></service></serviceList></device></root>`
        );
      case "GetExternalIPAddress":
        return done(action, `<NewExternalIPAddress>${this.outer}</NewExternalIPAddress>`);
      case "GetSpecificPortMappingEntry":
        return entry === undefined
          ? fault(714)
          : done(
              action,
              `<NewInternalPort>${entry.port}</NewInternalPort>` +
                `<NewInternalClient>${entry.client}</NewInternalClient>`,
            );
      case "AddPortMapping": {
        if (this.upnpError !== 0 && value("NewLeaseDuration") !== "0") return fault(this.upnpError);
        const client = value("NewInternalClient");
        this.mappings.set(outer, { client, port: Number(value("NewInternalPort")) });
        return done(action, "");
      }
      case "DeletePortMapping":
        this.mappings.delete(outer);
        return done(action, "");
      default:
        return fault(401);
    }
  }
}

function found({ port }: AddressInfo): string {
  return [
    "HTTP/1.1 200 OK",
    "ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1",
    `LOCATION: http://127.0.0.1:${port}/rootDesc.xml`,
    "",
    "",
  ].join("\r\n");
}

function done(action: string, inner: string): string {
  return `<s:Envelope><s:Body><u:${action}Response>${inner}</u:${action}Response></s:Body></s:Envelope>`;
}

function fault(code: number): string {
  return `<s:Envelope><s:Body><s:Fault><detail><UPnPError><errorCode>${code}</errorCode></UPnPError></detail></s:Fault></s:Body></s:Envelope>`;
}
