/** Pieces of the shell scripts that make a lab's network, as text. */

/** Each frame crosses user space, so its checksum must be in it: no `tx` offload at either leaf. */
export function leafLines(device: string): string[] {
  return [`ethtool -K ${device} tx off >/dev/null`];
}

/** Duplicate address detection would hold an IPv6 address back for a second. */
export function noCheck(address: string): string {
  return address.includes(":") ? " nodad" : "";
}

/**
 * Waits until interfaces carry frames: up to a second after both ends are up, as the kernel gets to
 * see to it. The namespace is the one that the lines run in.
 */
export function untilUp(devices: readonly string[]): string {
  return `for device in ${devices.join(" ")}; do
  left=250
  until [ "$(cat "/sys/class/net/$device/operstate")" = up ]; do
    [ "$left" -gt 0 ] || { echo "$device stays down" >&2; exit 1; }
    left=$((left - 1))
    sleep 0.02
  done
done`;
}

/** Runs lines of `ip` as one process. */
export function ipBatch(options: string, lines: readonly string[]): string {
  return [`ip ${options}-batch - <<'LINES'`, ...lines, "LINES"].join("\n");
}

/** Runs shell lines in a network namespace. */
export function inNamespace(namespace: string, lines: readonly string[]): string {
  return [`ip netns exec ${namespace} sh -e <<'SCRIPT'`, ...lines, "SCRIPT"].join("\n");
}
