/** What a test needs of the machine to make labs; without it, it is skipped and says why. */
import { missingPrograms } from "../../daemon/lab/run.ts";

export const LAB_MISSING: string | undefined = missing();

function missing(): string | undefined {
  if (process.platform !== "linux") return `needs Linux, this is ${process.platform}`;
  if (process.getuid?.() !== 0) return "needs root, for network namespaces";
  const absent = missingPrograms([
    ...["ip", "ethtool", "nft", "ovs-vswitchd", "avahi-daemon", "tcpdump", "miniupnpd"],
  ]);
  return absent.length > 0 ? `needs ${absent.join(", ")}` : undefined;
}

if (LAB_MISSING !== undefined) console.warn(`lab tests skipped: ${LAB_MISSING}`);

/**
 * A lab name that no other run on this machine uses.
 *
 * @param part tells the labs of one run apart; 6 characters at most
 */
export function ownLabName(part: string): string {
  return `t${process.pid.toString(36)}${part}`;
}
