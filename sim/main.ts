/** `causeway sim` and `causeway bench sim`: runs one command and ends with its exit status. */
import { errorCode, errorMessage } from "../platform/errors.ts";
import { SIM_COMMANDS } from "./cli/commands.ts";
import { runSimCli } from "./cli/run.ts";

// The launcher set it for us alone; what we start shall choose its own.
delete process.env["NODE_COMPILE_CACHE"];

for (const stream of [process.stdout, process.stderr])
  stream.on("error", (error) => {
    // Nobody reads any more, as behind `| head -1`.
    if (errorCode(error) === "EPIPE") process.exit(0);
    process.stderr.write(`causeway: cannot be printed: ${errorMessage(error)}\n`);
    process.exit(1);
  });

process.exitCode = await runSimCli(process.argv.slice(2), SIM_COMMANDS, {
  stdout: (line) => void process.stdout.write(`${line}\n`),
  stderr: (line) => void process.stderr.write(`${line}\n`),
});
