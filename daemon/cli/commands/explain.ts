/** `causeway explain`: what is wrong, and what to do about it. */
import type { ExplainAnswer } from "../../api/api-types.ts";
import { callApi } from "../../api/client.ts";
import { DaemonError } from "../../errors.ts";
import { SOCKET_OPTION, clientSocket, printAnswer } from "../client-socket.ts";
import { JSON_OPTION, defineCommand } from "../../../platform/cli/define-command.ts";
import { printable } from "../../../platform/cli/text-table.ts";

export const explainCommand = defineCommand({
  name: "explain",
  summary: "Say what is wrong and what to do about it",
  operands: [],
  options: [JSON_OPTION, SOCKET_OPTION],
  details: "Exit status 1 when no daemon can be asked; that is then the finding.",
  async action(args, io) {
    const socket = await clientSocket(args);
    const { answer, status } = await askDaemon(socket);
    printAnswer(args, io, answer, () => renderFindings(answer));
    return status;
  },
});

async function askDaemon(socket: string): Promise<{ answer: ExplainAnswer; status: number }> {
  try {
    const answer = await callApi<ExplainAnswer>({ socket, method: "GET", path: "/v1/explain" });
    return { answer, status: 0 };
  } catch (error) {
    if (!(error instanceof DaemonError)) throw error;
    const [what = error.message, advice = ""] = error.message.split("; ");
    const code = error.code === "ERR_DAEMON_ABSENT" ? "no-daemon" : "daemon-unreachable";
    return { answer: { findings: [{ code, severity: "problem", what, advice }] }, status: 1 };
  }
}

function renderFindings({ findings }: ExplainAnswer): readonly string[] {
  if (findings.length === 0) return ["nothing to report"];
  return findings.flatMap(({ severity, what, advice }) => [
    `${severity.padEnd(7)}  ${printable(what)}`,
    ...(advice === "" ? [] : [`         -> ${printable(advice)}`]),
  ]);
}
