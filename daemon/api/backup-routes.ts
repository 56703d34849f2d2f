/** Routes for a backup of a daemon that runs; the keys are in its state directory, and not here. */
import type { BackupAnswer, BackupNotedAnswer } from "./api-types.ts";
import { readJson } from "./request.ts";
import type { Route } from "./routes.ts";
import { RequestError } from "../errors.ts";

export const BACKUP_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/backup",
    handle: (_, { overlay }) => {
      const entries = Buffer.from(overlay.backupRecords()).toString("base64");
      return { type: "json", status: 200, body: { entries } satisfies BackupAnswer };
    },
  },
  {
    method: "POST",
    path: "/v1/backup",
    async handle({ message }, { overlay }) {
      const { madeAtMs } = await readJson(message, ["madeAtMs"]);
      if (!Number.isSafeInteger(madeAtMs) || Number(madeAtMs) < 0)
        throw new RequestError("ERR_REQUEST_BODY", 400, "madeAtMs: allowed: ms since 1970");
      await overlay.noteBackup(Number(madeAtMs));
      const body = { backedUpAtMs: Number(madeAtMs) } satisfies BackupNotedAnswer;
      return { type: "json", status: 200, body };
    },
  },
];
