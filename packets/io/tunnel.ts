/**
 * A TUN device: a point-to-point interface that leads into this process.
 *
 * It carries frames as long as the descriptor is open and vanishes with it, also from another
 * network namespace that it was moved to. Nothing is read: what is sent into it is lost.
 */
import { openSync } from "node:fs";
import { PacketsError } from "../errors.ts";
import { loadLibc, systemError } from "./libc.ts";

const DEVICE = "/dev/net/tun";
const TUNSETIFF = 0x400454ca;
const IFF_TUN_NO_PI = 0x0001 | 0x1000;
/** struct ifreq: 16 bytes of name, then flags. */
const IFREQ_BYTES = 40;
const NAME_MAX = 15;

/**
 * @param name of the interface to make, in this process's network namespace
 * @returns the descriptor that keeps it
 * @throws {PacketsError} when it may not be made, or is there
 */
export function openTunnel(name: string): number {
  if (name.length > NAME_MAX)
    throw new PacketsError("ERR_PACKETS_INTERFACE", `"${name}" is too long for an interface`);
  const fd = openSync(DEVICE, "r+");
  const request = new Uint8Array(IFREQ_BYTES);
  request.set(Buffer.from(name));
  new DataView(request.buffer).setUint16(16, IFF_TUN_NO_PI, true);
  if (loadLibc().ioctl(fd, TUNSETIFF, request) < 0) throw systemError("TUNSETIFF", name);
  return fd;
}
