/** `npm start [-- OPTIONS]`: installs what is missing, then runs the daemon in the foreground. */
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { join } from "node:path";
import { ROOT, installPackages } from "./install.js";

if (!installPackages()) process.exit(1);

const child = spawn(join(ROOT, "bin/causeway"), ["up", ...process.argv.slice(2)], {
  stdio: "inherit",
});
// A terminal sends ^C to the daemon as well, which takes the two for one.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
child.on("exit", (code, signal) => {
  process.exit(code ?? 128 + constants.signals[signal]);
});
