/**
 * A service of another site in each way that a link and its daemons may have: our own responder
 * where there is no Avahi, and links without IPv4. With Avahi, IPv4 and NAT: bridge.test.ts.
 */
import type { ChildProcess } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBed, type Bed } from "../../daemon/bench/bed.ts";
import { causeway } from "./fixtures/bridge-site.ts";
import { writeServedFile } from "./fixtures/served-file.ts";
import {
  AvahiObserver,
  avahiPublish,
  pythonBrowse,
  PYTHON_ZEROCONF_MISSING,
} from "./fixtures/zeroconf.ts";
import { LAB_MISSING, ownLabName } from "./lab-requirements.ts";

const MUSIC = "Tom's Music v1.2";
const DAAP = "_daap._tcp";
const HTTP = "_http._tcp";
/** Those with a daemon; the services are on a-2, the user is at b-2, both with Avahi. */
const HOSTS = ["a-1", "b-1"];

const WAYS = [
  { backend: "own", family: "IPv4" },
  { backend: "own", family: "IPv6" },
  { backend: "avahi", family: "IPv6" },
] as const;

const isNamed =
  (name: string) =>
  ({ instance }: { readonly instance: string }): boolean =>
    instance === name;

let directory: string;
let hash: string;

beforeAll(() => {
  ({ directory, hash } = writeServedFile());
});

afterAll(() => rmSync(directory, { recursive: true }));

describe.skipIf(LAB_MISSING !== undefined).each(WAYS)(
  "a service of another site, by $backend multicast DNS and $family alone",
  ({ backend, family }) => {
    const programs: ChildProcess[] = [];
    let bed: Bed;

    beforeAll(async () => {
      const config = join(directory, "config.yaml");
      writeFileSync(config, `bridge: { backend: ${backend} }\n`);
      const ipv4 = family === "IPv4";
      bed = await openBed({
        name: ownLabName(`way${backend[0]}${family.at(-1)}`),
        sites: ["a", "b"].map(
          (name) =>
            `{ name: ${name}, hosts: 2, ipv4: ${ipv4}, avahi: true, uplink: { delay: 5ms } }`,
        ),
        program: ["sh", "-c", `exec causeway "$@" --config ${config}`, "causeway"],
      });
      if (backend === "own") await Promise.all(HOSTS.map(endAvahi));
      const web = ["python3", "-m", "http.server", "8080", "--bind", bed.lab.address("a-2")];
      programs.push(bed.lab.spawn("a-2", [...web, "--directory", directory], { stdio: "ignore" }));
      await bed.start(HOSTS);
      const isUp = (): Promise<boolean> => isServing("a-2", urlOf("a-2", 8080));
      await bed.need("the web server answers", isUp, 30_000);
    }, 120_000);

    afterAll(async () => {
      for (const program of programs) program.kill("SIGKILL");
      await bed?.close();
    });

    async function endAvahi(host: string): Promise<void> {
      const command = "kill $(cat /run/avahi-daemon/pid)";
      const { status, stderr } = await bed.lab.exec(host, ["sh", "-c", command]);
      expect(status, stderr).toBe(0);
    }

    /** Sooner than anybody sees that it was out. */
    async function replug(host: string): Promise<void> {
      await bed.lab.unplug(host);
      await bed.lab.plug(host);
    }

    function urlOf(host: string, port: number): string {
      const address = bed.lab.address(host);
      return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
    }

    async function isServing(from: string, url: string): Promise<boolean> {
      const argv = ["curl", "-gsfI", "--max-time", "2", url];
      return (await bed.lab.exec(from, argv)).status === 0;
    }

    it("is seen with its exact name and TXT, 3.5 s after the command was typed at most", async () => {
      const music = { instance: MUSIC, type: DAAP, port: 3689, txt: ["Version=1"] };
      const web = { instance: "Web", type: HTTP, port: 8080 };
      const publishing = [music, web].map((one) => avahiPublish(bed.lab, "a-2", one));
      programs.push(...(await Promise.all(publishing)));
      await causeway(bed, "b-1", "import", "--type", "http", "--type", "daap");
      const observers = [DAAP, HTTP].map((type) => new AvahiObserver(bed.lab, "b-2", type));
      const startMs = Date.now();
      await causeway(bed, "a-1", "export", "all");
      const seen = await Promise.all(
        [music, web].map(({ instance }, i) =>
          observers[i]!.needResolved(instance, isNamed(instance)),
        ),
      );
      // The start of the command is in it.
      for (const { atMs } of seen) expect(atMs - startMs).toBeLessThan(3500);
      for (const observer of observers) observer.close();
      const address = bed.lab.address("b-1");
      expect(seen[0]).toMatchObject({ family, address, port: 3689, txt: ["Version=1"] });
      expect(seen[1]).toMatchObject({ family, address, port: 8080, txt: [] });
      for (const host of HOSTS)
        expect(JSON.parse(await causeway(bed, host, "services", "--json"))).toMatchObject({
          bridge: { backend, reason: "" },
        });
    }, 60_000);

    it.skipIf(PYTHON_ZEROCONF_MISSING !== undefined)(
      "is seen by an unrelated browser too, byte for byte",
      async () => {
        expect(await pythonBrowse(bed.lab, "b-2", DAAP, 3)).toContainEqual({
          instance: MUSIC,
          host: expect.stringMatching(/^cw-[a-z2-7]{8}-[0-3]\.local$/),
          port: 3689,
          addresses: [bed.lab.address("b-1")],
          txt: Buffer.from("\tVersion=1").toString("hex"),
        });
      },
    );

    it("can be used: 100 MB come whole", async () => {
      const url = `${urlOf("b-1", 8080)}/file`;
      const command = `curl --globoff --silent --show-error --max-time 60 '${url}' | sha256sum`;
      const { stdout, stderr } = await bed.lab.exec("b-2", ["sh", "-c", command]);
      expect(stderr).toBe("");
      expect(stdout.split(" ")[0]).toBe(hash);
    }, 90_000);

    it("is gone within 2 s of its withdrawal", async () => {
      const short = { instance: "Short", type: DAAP, port: 4000 };
      const published = await avahiPublish(bed.lab, "a-2", short);
      programs.push(published);
      const observer = new AvahiObserver(bed.lab, "b-2", DAAP);
      await observer.needResolved("Short", isNamed("Short"));
      const startMs = Date.now();
      published.kill("SIGTERM");
      expect((await observer.needGone("Short")) - startMs).toBeLessThan(2000);
      expect(observer.present()).toEqual([MUSIC]);
      observer.close();
    }, 60_000);

    it("is seen and used again when the adapters of both hosts were plugged in anew", async () => {
      await Promise.all(HOSTS.map(replug));
      const again = { instance: "Again", type: HTTP, port: 8080 };
      programs.push(await avahiPublish(bed.lab, "a-2", again));
      const observer = new AvahiObserver(bed.lab, "b-2", HTTP);
      const { port } = await observer.needResolved("Again", isNamed("Again"), 20_000);
      observer.close();
      await bed.need("it answers", () => isServing("b-2", urlOf("b-1", port)), 10_000);
    }, 60_000);

    it("is gone within 5 s of its host's crash, by a question to that host alone", async () => {
      const observer = new AvahiObserver(bed.lab, "b-2", HTTP);
      await observer.needResolved("Web", isNamed("Web"));
      const startMs = Date.now();
      await bed.lab.unplug("a-2");
      expect((await observer.needGone("Web")) - startMs).toBeLessThan(5000);
      observer.close();
    }, 60_000);
  },
);
