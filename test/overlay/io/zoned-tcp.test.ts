import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, it } from "vitest";
import { gather } from "../../../overlay/io/zoned-tcp.ts";

it("hands to the kernel together what is written in one turn, and all of it in order", async () => {
  const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = gather(connect((server.address() as AddressInfo).port, "127.0.0.1"));
  const [[other]] = await Promise.all([once(server, "connection"), once(socket, "connect")]);
  const received = buffer(other);
  for (const text of ["length", "header", "body"]) socket.write(text);
  expect(socket.writableLength).toBe("lengthheaderbody".length);
  await nextTurn();
  expect(socket.writableLength).toBe(0);
  socket.write("tag");
  socket.end(); // in the same turn
  expect((await received).toString()).toBe("lengthheaderbodytag");
  other.destroy();
  server.close();
});
