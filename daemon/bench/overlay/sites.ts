/** The networks that the sections measure in. */

const NAMES = [
  ...["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"],
  ...["lambda", "mu", "nu", "xi", "omicron", "pi", "rho", "sigma", "tau", "upsilon"],
];

/** One way from a site to the core; the way between two sites is two of them. */
export const UPLINK_MS = 20;
export const ONE_WAY_MS = 2 * UPLINK_MS;

/**
 * Sites `alpha`, `beta` and on, with so many hosts each, 20 ms from the core.
 *
 * @param more further settings of each site, as YAML
 */
export function sitesOf(count: number, hosts: number, more = ""): string[] {
  const settings = `uplink: { delay: ${UPLINK_MS}ms }${more === "" ? "" : `, ${more}`}`;
  return NAMES.slice(0, count).map((name) => `{ name: ${name}, hosts: ${hosts}, ${settings} }`);
}
