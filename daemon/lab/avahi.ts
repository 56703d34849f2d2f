/**
 * A D-Bus and an Avahi of its own for a host, in a mount namespace with its own `/run`.
 *
 * Both have their paths under `/run` built in. The rest of the machine's `/run` stays visible
 * through links, so files and working directories there go on working.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { LabError } from "./errors.ts";
import { processState, type ProcessMark } from "./processes.ts";
import { hostDirectory, readJson, writeJson, type HostRecord } from "./record.ts";
import { startDetached, type Environment } from "./run.ts";

export const AVAHI_PROGRAMS = ["dbus-daemon", "avahi-daemon", "unshare", "nsenter"] as const;

const START_MS = 20_000;

/** Called with HOST and DIRECTORY; the parent of both, and after them what keeps the namespace. */
const SCRIPT = `set -e
echo "$1" >/proc/sys/kernel/hostname
mount --rbind /run /mnt
mount -t tmpfs -o mode=755 none /run
mkdir /run/.machine /run/dbus /run/avahi-daemon
mount --move /mnt /run/.machine
cd /run/.machine
for name in *; do
  [ -e "/run/$name" ] || ln -s ".machine/$name" /run/
done
cd /
mount --bind "$2/services" /etc/avahi/services
dbus-daemon --config-file="$2/dbus.conf" --nofork --nopidfile &
until [ -S /run/dbus/system_bus_socket ]; do kill -0 $!; sleep 0.02; done
avahi-daemon -f "$2/avahi.conf" --no-drop-root --no-chroot --no-rlimits &
until [ -S /run/avahi-daemon/socket ]; do kill -0 $!; sleep 0.02; done
: >"$2/ready"
wait
exec sleep infinity
`;

const DBUS_CONFIG = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <limit name="max_replies_per_connection">4096</limit>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_type="method_call"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
`;

/** Limits are wide enough for a test that publishes thousands of services. */
function avahiConfig(host: HostRecord): string {
  const has = (mark: string): string =>
    host.addresses.some((address) => address.includes(mark)) ? "yes" : "no";
  return `[server]
host-name=${host.name}
use-ipv4=${has(".")}
use-ipv6=${has(":")}
enable-dbus=yes
allow-interfaces=eth0
disallow-other-stacks=no
ratelimit-interval-usec=1000000
ratelimit-burst=1000
objects-per-client-max=1024
entries-per-entry-group-max=32
[wide-area]
enable-wide-area=no
[publish]
publish-workstation=no
publish-hinfo=no
publish-aaaa-on-ipv4=no
[reflector]
enable-reflector=no
`;
}

/** Starts both; the host's interface must be up and have its addresses. */
export async function startAvahi(lab: string, host: HostRecord, env: Environment): Promise<void> {
  const directory = join(hostDirectory(lab, host.name), "avahi");
  mkdirSync(join(directory, "services"), { recursive: true });
  writeFileSync(join(directory, "run.sh"), SCRIPT);
  writeFileSync(join(directory, "dbus.conf"), DBUS_CONFIG);
  writeFileSync(join(directory, "avahi.conf"), avahiConfig(host));
  const log = join(directory, "avahi.log");
  const enter = ["ip", "netns", "exec", host.namespace, "unshare", "--uts"];
  const argv = [...enter, "sh", join(directory, "run.sh"), host.name, directory];
  const anchor = await startDetached(argv, env, log);
  writeJson(join(directory, "anchor.json"), anchor);
  const until = performance.now() + START_MS;
  while (!existsSync(join(directory, "ready"))) {
    if (processState(anchor) === "gone" || performance.now() > until)
      throw new LabError(
        "ERR_LAB_COMMAND",
        `Avahi on ${host.name} does not start: ${readFileSync(log, "utf8").trim()}`,
      );
    await sleep(20);
  }
}

/**
 * The process whose mount, name and network namespaces are those of a host with Avahi.
 *
 * @throws {LabError} ERR_LAB_ABSENT when it is gone
 */
export function avahiAnchor(lab: string, host: HostRecord): ProcessMark {
  const path = join(hostDirectory(lab, host.name), "avahi", "anchor.json");
  const anchor = readJson(path) as ProcessMark | undefined;
  if (anchor && processState(anchor) !== "gone") return anchor;
  throw new LabError(
    "ERR_LAB_ABSENT",
    `Avahi on ${host.name} is gone, and its private /run with it; take the lab down and up again`,
  );
}
