/** Simulated time is an integer of nanoseconds, which a double holds up to some 104 days. */
export const TIME_MAX_S = 9_000_000;
/** The same in milliseconds. */
export const TIME_MAX_MS = TIME_MAX_S * 1000;
