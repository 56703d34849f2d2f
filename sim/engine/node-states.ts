/** Which nodes are there, and which of them have joined. */

export const ABSENT = 0;
export const PRESENT = 1;
export const JOINED = 2;

/** The nodes of one thread, by row. */
export class NodeStates {
  readonly states: Uint8Array;
  /** How often a node came up: what was meant for who it was before is not for who it is. */
  readonly epochs: Uint16Array;
  /** Messages that a node sent, and random numbers that its protocol drew. */
  readonly sent: Int32Array;
  readonly drawn: Int32Array;
  readonly queries: Int32Array;
  /** Questions to bootstrap servers, and answers that were taken. */
  readonly asked: Int32Array;
  /** Answers to earlier questions than this are for who it was before, or come too late. */
  readonly waitsFrom: Int32Array;
  /** Messages of the protocol that a node handled. */
  readonly handled: Int32Array;

  constructor(rows: number) {
    this.states = new Uint8Array(rows);
    this.epochs = new Uint16Array(rows);
    this.sent = new Int32Array(rows);
    this.drawn = new Int32Array(rows);
    this.queries = new Int32Array(rows);
    this.asked = new Int32Array(rows);
    this.waitsFrom = new Int32Array(rows);
    this.handled = new Int32Array(rows);
  }
}
