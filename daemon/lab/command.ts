/** `causeway lab`: the words of the command, and nothing that is dear to load. */
import { ConfigError } from "../../platform/errors.ts";
import type { Command } from "../../platform/cli/command.ts";
import { nearestNames } from "../../platform/nearest.ts";

const USAGE = `causeway lab: multi-site networks on one Linux machine (needs root)

  lab up FILE                  make the lab that a YAML file describes
  lab down                     take it away, also one that was left half made
  lab ls                       labs, sites, hosts and their daemons
  lab exec HOST -- CMD ...     run a program on a host; exits with its status
  lab link SITE [change]       show or change the uplink of a site
  lab link SITE SITE [change]  show or change what is lost between two sites
  lab move HOST SITE|--out     carry a host to another site, or leave it without a link
  lab readdress HOST ADDRESS   give a host another address on its link
  lab stop-router SITE         switch a site's router off
  lab start-router SITE        and on again
  lab clock HOST [+1h|-90s|0]  how far a host's wall clock is off, as its daemon sees it
  lab disk HOST [--full|--free]
                               leave no room on a host's own disk, and undo it
  lab start [HOST ...]         start daemons, each with a token of the first host's, and
                               wait until they have joined (60 s)
  lab stop HOST ...            end daemons in good order
  lab kill|pause|resume HOST ...
                               send daemons SIGKILL, SIGSTOP or SIGCONT
  lab capture SITE FILE        record a site's frames (pcap) until interrupted

Options
  --name NAME                  which lab; several can run (default: lab)
  --json                       one line of JSON
  --help                       this text

Changes of a link, each way; they hold for frames sent from then on
  --delay 20ms                 one way, from the site to the core router
  --jitter 2ms                 so much more or less; frames keep their order
  --rate 100mbit               or none
  --loss 1%
  --cut                        drop everything in silence
  --split HOST,HOST            cut these hosts from the rest of their own link and the uplink
  --heal                       undo --cut and --split

Changes between two sites, lab link A B
  --cut, --heal                both ways; with --one-way from A to B only
  --loss 5%                    both ways
  --loss-to 30%                from A to B
  --loss-from 30%              from B to A

Changes of a host's interface (lab link HOST)
  --unplug                     it is gone, as a USB adapter that is pulled out
  --plug                       it is back

File
  sites:
    - { name: alpha, subnet: 10.1.0.0/24, hosts: 4, switch: ovs, avahi: true,
        uplink: { delay: 10ms, jitter: 1ms, rate: 100mbit, loss: 0% } }
    - { name: beta, subnet: 10.2.0.0/24, hosts: 4, switch: bridge, ipv6: true }
    - { name: home, nat: { portMapping: both } }   behind one outer address, 192.168.1.0/24
    - { name: gamma, hosts: 2, clock: { gamma-2: +1h }, disk: 64MiB }
`;

const VERBS: readonly string[] = [
  ...["up", "down", "ls", "exec", "link", "start", "stop", "kill", "pause", "resume"],
  ...["move", "readdress", "clock", "disk", "stop-router", "start-router", "capture"],
];

export const labCommand: Command = {
  name: "lab",
  summary: "multi-site networks on this machine, for trying things out",
  usage: USAGE,
  options: [
    { name: "name", doc: "which lab", value: "NAME" },
    { name: "json", doc: "one line of JSON" },
    { name: "delay", doc: "time on the uplink, one way", value: "TIME" },
    { name: "jitter", doc: "so much more or less", value: "TIME" },
    { name: "rate", doc: "limit each way, or none", value: "RATE" },
    { name: "loss", doc: "share of frames lost each way", value: "SHARE" },
    { name: "cut", doc: "drop everything on the uplink" },
    { name: "split", doc: "cut hosts from their own link", value: "HOSTS" },
    { name: "heal", doc: "undo --cut and --split" },
    { name: "loss-to", doc: "share lost from the first site to the second", value: "SHARE" },
    { name: "loss-from", doc: "share lost from the second site to the first", value: "SHARE" },
    { name: "one-way", doc: "cut or heal from the first site to the second only" },
    { name: "full", doc: "leave no room on the host's disk" },
    { name: "free", doc: "undo --full" },
    { name: "unplug", doc: "take the interface out of a host" },
    { name: "plug", doc: "put it back" },
    { name: "out", doc: "leave a host without a link" },
  ],
  async run(args, io) {
    const [verb, ...rest] = args;
    if (verb === undefined || verb === "--help" || verb === "-h" || verb === "help") {
      io.stdout(USAGE.trimEnd());
      return verb === undefined ? 2 : 0;
    }
    if (!VERBS.includes(verb)) {
      const [near] = nearestNames(verb, VERBS);
      const hint = near === undefined ? VERBS.join(", ") : `did you mean ${near}?`;
      throw new ConfigError("lab", `no command "${verb}"; ${hint}`);
    }
    const { runVerb } = await import("./verbs.ts");
    return runVerb(verb, rest, { ...io, usage: USAGE });
  },
};
