/** Lets everything that is ready in this process happen before virtual time goes on. */

/** Resolves when no promise that could be settled is unsettled. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
