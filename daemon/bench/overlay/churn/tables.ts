/**
 * Changes of routing tables, told apart: those that whole subnets explain, and the rest.
 *
 * A daemon counts entries added plus removed since its start. What it adds in its first moments is
 * the filling of its own empty table; from then on each subnet that goes or comes explains one
 * change in each table.
 */

export interface TableReading {
  /** Entries added plus removed. */
  readonly changes: number;
  readonly entries: number;
}

/** One daemon from its start to its end. */
export interface TableLife {
  /** Subnets that were there to be found at its start, its own not counted. */
  readonly others: number;
  readonly reading: TableReading;
  /** Subnets that went, and came, while it ran. */
  readonly went: number;
  readonly came: number;
}

export interface TableCount {
  /** Changes after the first filling. */
  readonly changes: number;
  /** Of these, what no whole subnet explains. */
  readonly unexplained: number;
  /** Subnets that went or came without a change. */
  readonly missing: number;
}

export function countTable({ others, reading, went, came }: TableLife): TableCount {
  const removed = (reading.changes - reading.entries) / 2;
  const added = Math.max(0, (reading.changes + reading.entries) / 2 - others);
  const over = (count: number, explained: number): number => Math.max(0, count - explained);
  return {
    changes: removed + added,
    unexplained: over(removed, went) + over(added, came),
    missing: over(went, removed) + over(came, added),
  };
}
