/** `causeway services`: what this link has, what of it is exported, and what is imported. */
import type { ImportedServiceView, LocalServiceView } from "../../../bridge/index.ts";
import type { ServicesAnswer } from "../../api/bridge-types.ts";
import { callApi } from "../../api/client.ts";
import { SOCKET_OPTION, clientSocket, printAnswer } from "../client-socket.ts";
import { JSON_OPTION, defineCommand } from "../../../platform/cli/define-command.ts";
import { count, printable, renderTable, shortId } from "../../../platform/cli/text-table.ts";
import { formatRemaining } from "../values.ts";

export const servicesCommand = defineCommand({
  name: "services",
  summary: "List the services of this link and those of others shown here",
  operands: [],
  options: [JSON_OPTION, SOCKET_OPTION],
  details: [
    "Local services: whether they are exported, by which host and rules, or why not. Imported ones: their",
    "name here, where they come from, when their exporter was last heard, or why they are not shown.",
  ].join("\n"),
  async action(args, io) {
    const socket = await clientSocket(args);
    const answer = await callApi<ServicesAnswer>({ socket, method: "GET", path: "/v1/services" });
    printAnswer(args, io, answer, () => render(answer));
    return 0;
  },
});

function render({ local, imported, bridge }: ServicesAnswer): readonly string[] {
  const exported = local.filter(({ isExported }) => isExported).length;
  const shown = imported.filter(({ shownAs }) => shownAs !== null).length;
  return [
    ...(bridge.reason === "" ? [] : [`the bridge does not work: ${printable(bridge.reason)}`, ""]),
    `${count(local.length, "service")} on this link, ${exported} exported`,
    ...(local.length === 0 ? [] : ["", ...renderLocal(local), ""]),
    `${count(imported.length, "service")} of other subnets, ${shown} shown`,
    ...(imported.length === 0 ? [] : ["", ...renderImported(imported)]),
  ];
}

function renderLocal(services: readonly LocalServiceView[]): readonly string[] {
  return renderTable(
    ["name", "type", "at", "exported by", "rules", "why not"],
    services.map(({ instance, type, host, port, exporter, rules, reason }) => [
      instance,
      type,
      `${host}:${port}`,
      exporter === "" ? "-" : shortId(exporter),
      rules.join(" "),
      reason,
    ]),
  );
}

function renderImported(services: readonly ImportedServiceView[]): readonly string[] {
  return renderTable(
    ["name here", "type", "at", "way", "origin", "heard", "expires in", "rules", "why not"],
    services.map((one) => [
      one.shownAs ?? `(${one.instance})`,
      one.type,
      one.endpoint === "" ? "-" : one.endpoint,
      one.isLocalOnly ? `${one.way}, local-only` : one.way,
      `${shortId(one.originSubnet)} ${shortId(one.originHost)}`,
      `${formatRemaining(one.heardMsAgo)} ago`,
      formatRemaining(one.expiresInMs),
      one.rules.join(" "),
      one.reason,
    ]),
  );
}
