/** Which TCP ports can be listened on: two in a row for a host, any two or given ones. */
import { createServer } from "node:net";
import { OverlayError } from "../errors.ts";

const TRIES_MAX = 50;

/** @throws {OverlayError} ERR_OVERLAY_PORT when none is found */
export async function findFreePorts(): Promise<number> {
  for (let attempt = 0; attempt < TRIES_MAX; attempt++) {
    const port = await listenOnce(0);
    if (port !== undefined && port < 65_535 && (await listenOnce(port + 1)) !== undefined)
      return port;
  }
  throw new OverlayError(
    "ERR_OVERLAY_PORT",
    'no two free ports in a row; set "port" in the config',
  );
}

/** @throws {OverlayError} ERR_OVERLAY_PORT when somebody listens on it */
export async function checkPort(port: number): Promise<void> {
  if ((await listenOnce(port)) !== undefined) return;
  throw new OverlayError(
    "ERR_OVERLAY_PORT",
    `TCP port ${port} is taken; stop the other program, or choose another with --port or with ` +
      `"port" in the config`,
  );
}

/** The port listened on for a moment, or `undefined` when it is taken. */
function listenOnce(port: number): Promise<number | undefined> {
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  const server = createServer();
  server.once("error", () => resolve(undefined));
  server.listen(port, () => {
    const address = server.address();
    server.close(() => resolve(typeof address === "object" ? address?.port : undefined));
  });
  return promise;
}
