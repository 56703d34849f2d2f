/** The cycle of three sites, watched for as long as the bridge promises. */
process.env["CAUSEWAY_CYCLE_MINUTES"] ??= "10";
await import("../system/bridge-cycle.test.ts");
