/** Routes about who is in the overlay: who waits, who is let in, who is taken out. */
import type { AdmitAnswer, PendingAnswer, RevokeAnswer } from "./api-types.ts";
import { parseFlag, parseHostName, readJson } from "./request.ts";
import type { Route } from "./routes.ts";

export const TRUST_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/pending",
    handle: (_, { overlay }) => {
      const body = { pending: overlay.pendingHosts() } satisfies PendingAnswer;
      return { type: "json", status: 200, body };
    },
  },
  {
    method: "POST",
    path: "/v1/admit",
    async handle({ message }, { overlay }) {
      const request = await readJson(message, ["host", "mayAdmit"]);
      const mayAdmit = parseFlag("mayAdmit", request.mayAdmit ?? true);
      const admitted = await overlay.admit(parseHostName(request.host), { mayAdmit });
      return { type: "json", status: 200, body: { admitted, mayAdmit } satisfies AdmitAnswer };
    },
  },
  {
    method: "POST",
    path: "/v1/revoke",
    async handle({ message }, { overlay }) {
      const request = await readJson(message, ["host", "withAdmitted"]);
      const keepsAdmitted = !parseFlag("withAdmitted", request.withAdmitted ?? false);
      const revoked = await overlay.revoke(parseHostName(request.host), { keepsAdmitted });
      return { type: "json", status: 200, body: { revoked } satisfies RevokeAnswer };
    },
  },
];
