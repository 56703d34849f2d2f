/** Time, as the rest of the code may see it. */

export interface Clock {
  /** Milliseconds that never step back; its zero means nothing. */
  monotonicMs(): number;
  /** Milliseconds since 1970 as this host believes; it may step either way. */
  wallMs(): number;
}
