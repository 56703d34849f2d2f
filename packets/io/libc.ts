/**
 * The few C library calls that frames in user space need, and memory whose address never moves.
 *
 * x86-64 and arm64 Linux with glibc or musl: both have these signatures and structure layouts.
 */
import koffi from "koffi";
import { PacketsError } from "../errors.ts";

/** A user-space address: 47 bits, so a number holds it. */
export type Address = number;

export interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array, bytes: number): number;
  bind(fd: number, address: Uint8Array, bytes: number): number;
  close(fd: number): number;
  if_nametoindex(name: string): number;
  /** A bigint only for failure, which is the largest value. */
  mmap(
    at: number,
    bytes: number,
    protect: number,
    flags: number,
    fd: number,
    from: number,
  ): Address | bigint;
  ppoll(fds: Address, count: number, timeout: Address, mask: number): number;
  sendmmsg(fd: number, messages: Address, count: number, flags: number): number;
  eventfd(initial: number, flags: number): number;
  clock_gettime(clock: number, into: Address): number;
  ioctl(fd: number, request: number, argument: Uint8Array): number;
  prctl(option: number, value: number, c: number, d: number, e: number): number;
}

const SIGNATURES = [
  "int socket(int, int, int)",
  "int setsockopt(int, int, int, void*, uint32_t)",
  "int bind(int, void*, uint32_t)",
  "int close(int)",
  "uint32_t if_nametoindex(str)",
  "uint64_t mmap(uint64_t, uint64_t, int, int, int, int64_t)",
  "int ppoll(uint64_t, uint64_t, uint64_t, uint64_t)",
  "int sendmmsg(int, uint64_t, uint32_t, int)",
  "int eventfd(uint32_t, int)",
  "int clock_gettime(int, uint64_t)",
  "int ioctl(int, uint64_t, void*)",
  "int prctl(int, uint64_t, uint64_t, uint64_t, uint64_t)",
] as const;

let loaded: Libc | undefined;

/** @throws {PacketsError} ERR_PACKETS_PLATFORM elsewhere than on Linux */
export function loadLibc(): Libc {
  if (loaded) return loaded;
  if (process.platform !== "linux")
    throw new PacketsError(
      "ERR_PACKETS_PLATFORM",
      `frames in user space need Linux, this is ${process.platform}`,
    );
  const library = koffi.load(null);
  const calls: Record<string, unknown> = {};
  for (const signature of SIGNATURES)
    calls[/ (\w+)\(/.exec(signature)![1]!] = library.func(signature);
  loaded = calls as unknown as Libc;
  return loaded;
}

/** The error for a call that just returned failure. */
export function systemError(call: string, about: string): PacketsError {
  const number = koffi.errno();
  const name = Object.entries(koffi.os.errno).find(([, value]) => value === number)?.[0];
  return new PacketsError("ERR_PACKETS_SYSTEM", `${call} failed for ${about}: ${name ?? number}`);
}

export interface Mapping {
  readonly address: Address;
  readonly buffer: ArrayBuffer;
}

const PROT_READ_WRITE = 3;
const MAP_SHARED = 0x01;
const MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x4022;

/** Zeroed memory at an address that never moves; pages cost nothing before they are touched. */
export function mapMemory(bytes: number): Mapping {
  return map(bytes, MAP_PRIVATE_ANONYMOUS_NORESERVE, -1, "memory");
}

/** The memory that a descriptor shares with the kernel, such as a packet ring. */
export function mapDescriptor(fd: number, bytes: number, about: string): Mapping {
  return map(bytes, MAP_SHARED, fd, about);
}

function map(bytes: number, flags: number, fd: number, about: string): Mapping {
  const address = Number(loadLibc().mmap(0, bytes, PROT_READ_WRITE, flags, fd, 0));
  if (!Number.isSafeInteger(address)) throw systemError("mmap", about);
  return { address, buffer: koffi.view(BigInt(address), bytes) };
}
