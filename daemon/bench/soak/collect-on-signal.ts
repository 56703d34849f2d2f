/**
 * Loaded into a daemon that is watched for leaks, before its own code: SIGUSR2 makes it collect all
 * garbage, so that what it holds can be told from what it has not yet let go of.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;
process.on("SIGUSR2", () => collect());
