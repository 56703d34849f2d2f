/** What a `RegistrarMachine` is told, and what it asks for. */
import type { DnsName } from "../../platform/dns/name.ts";
import type { Registration } from "../zeroconf/backend.ts";
import type { ZeroconfService } from "../zeroconf/service.ts";
import type { HostEntry } from "./entries.ts";
import type { AvahiCall } from "./protocol.ts";

export type RegistrarEvent =
  | { readonly type: "session-up"; readonly interfaceIndex: number }
  /** Avahi is gone, and all groups with it. */
  | { readonly type: "session-down" }
  | {
      readonly type: "register";
      readonly id: number;
      readonly registration: Registration;
      readonly candidates: Iterator<string>;
    }
  | {
      readonly type: "register-host";
      readonly id: number;
      readonly entry: HostEntry;
      readonly isTakeover: boolean;
    }
  | { readonly type: "update"; readonly id: number; readonly service: ZeroconfService }
  | { readonly type: "withdraw"; readonly id: number }
  | {
      readonly type: "group-state";
      readonly group: number;
      readonly state: "established" | "collision";
    }
  | { readonly type: "group-failed"; readonly group: number; readonly reason: string };

export type RegistrarAction =
  | { readonly type: "make-group"; readonly group: number; readonly calls: readonly AvahiCall[] }
  | { readonly type: "change-group"; readonly group: number; readonly calls: readonly AvahiCall[] }
  | { readonly type: "free-group"; readonly group: number }
  | { readonly type: "registered"; readonly id: number; readonly instance: string }
  | { readonly type: "renamed"; readonly id: number; readonly from: string; readonly to: string }
  | { readonly type: "withdrawn"; readonly id: number }
  /** Another host on the link has that name; it is tried again. */
  | { readonly type: "host-conflict"; readonly host: DnsName }
  /** It is given up; nothing more is heard of it. */
  | {
      readonly type: "failed";
      readonly id: number;
      readonly code: "ERR_BRIDGE_NAME_CONFLICT" | "ERR_BRIDGE_BACKEND";
      readonly reason: string;
    };
