/** What the probes see when they look at nodes from outside, with the directory beside them. */
import type { Directory } from "./directory.ts";
import type { Notes } from "./mailbox.ts";
import { ABSENT, JOINED } from "./node-states.ts";
import type { Partition } from "./partition.ts";
import { COUNT } from "./probes.ts";

/** Brings the directory up to date, and tells the partition what was stored, here or in another one. */
export function takeNotes(notes: Notes, partition: Partition, directory: Directory): void {
  for (const node of notes.changes) directory.set(node < 0 ? ~node : node, node >= 0);
  partition.records?.noteStored(notes.stored);
}

/** Counts those deliveries of a window as correct that were, by who had joined at its end. */
export function settleDeliveries(partition: Partition, directory: Directory): void {
  const { deliveries, protocol, probes } = partition;
  for (let i = 0; i < deliveries.length; i += 3) {
    const node = deliveries[i]!;
    if (protocol.isOwner(node, deliveries[i + 1]!, deliveries[i + 2]!, directory))
      probes.add(COUNT.correct, 1);
  }
  deliveries.length = 0;
}

/** At the end of a sample: who is there, who has joined, and who knows its neighbours. */
export function takeStock(partition: Partition, directory: Directory): void {
  const { nodes, protocol, probes } = partition;
  const { states } = nodes;
  probes.noteTotal(COUNT.changes, protocol.changes);
  for (let row = 0; row < states.length; row++) {
    if (states[row] === ABSENT) continue;
    probes.add(COUNT.present, 1);
    if (states[row] !== JOINED) continue;
    probes.add(COUNT.joined, 1);
    if (protocol.isAccurate(partition.handleOf(row), directory)) probes.add(COUNT.accurate, 1);
  }
}
