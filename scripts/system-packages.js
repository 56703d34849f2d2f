/** Debian packages that the tests in network namespaces use. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

const PACKAGES = [
  "openvswitch-switch",
  "avahi-daemon",
  "avahi-utils",
  "dbus",
  "iproute2",
  "nftables",
  // Only the program: the package that would start it as a service is miniupnpd.
  "miniupnpd-nftables",
  "tcpdump",
  "ethtool",
  "iperf3",
  "socat",
  // An mDNS browser that shares no code with Avahi.
  "python3-zeroconf",
  // An engine of sweeps.
  "parallel",
];

/** What only `npm run test:long` needs; without a configuration Slurm's services do not start. */
const LONG_PACKAGES = ["munge", "slurmctld", "slurmd"];

function isInstalled(name) {
  const { stdout } = spawnSync("dpkg-query", ["-W", "-f", "${Status}", name], { encoding: "utf8" });
  return (stdout ?? "").includes("ok installed");
}

/**
 * Installs what is missing, when root on Debian; elsewhere the tests that need it skip.
 *
 * @param {boolean} isLong also what the long tests need
 * @returns {string} what to tell people; empty when there is nothing to tell
 */
export function installSystemPackages(isLong) {
  if (process.platform !== "linux" || !existsSync("/etc/debian_version"))
    return "not Debian: tests in network namespaces run only with the tools that are there";
  const missing = [...PACKAGES, ...(isLong ? LONG_PACKAGES : [])].filter(
    (name) => !isInstalled(name),
  );
  if (missing.length === 0) return "";
  if (process.getuid?.() !== 0) return `not root: ${missing.join(" ")} not installed`;
  process.stderr.write(`installing ${missing.join(" ")} ...\n`);
  const options = {
    stdio: ["ignore", 2, 2],
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  };
  spawnSync("apt-get", ["update", "-q"], options);
  const args = ["install", "-q", "-y", "--no-install-recommends", ...missing];
  const { status } = spawnSync("apt-get", args, options);
  return status === 0 ? "" : `apt-get could not install ${missing.join(" ")}`;
}
