/** A configuration as people read it: commented YAML, and the reference page. */
import type { Config, SettingName, Settings } from "./settings.ts";
import { createSettings } from "./settings.ts";

const COMMENT_COLUMNS = 92;

/** The configuration as YAML that loads to the same, each key below its documentation. */
export function printConfig(config: Config, settings: Settings = createSettings()): string {
  const lines: string[] = [];
  let section = "";
  for (const [name, { doc, allowed }] of Object.entries(settings)) {
    const [head, tail] = splitName(name);
    if (tail !== undefined && head !== section) lines.push(`${head}:`);
    section = tail === undefined ? "" : head;
    const indent = tail === undefined ? "" : "  ";
    for (const line of wrap(`${doc} Allowed: ${allowed}.`)) lines.push(`${indent}# ${line}`);
    lines.push(`${indent}${tail ?? head}: ${JSON.stringify(config[name as SettingName])}`, "");
  }
  return lines.join("\n");
}

/** `docs/configuration.md`, made from the table so that the two cannot disagree. */
export function renderReference(settings: Settings = createSettings()): string {
  const lines = [
    "# Configuration",
    "",
    "<!-- Made from daemon/config/settings.ts; `npx vitest run test/daemon/config.test.ts -u` writes it anew. -->",
    "",
    "`causeway up` reads one YAML file: that of `--config`, else `$CAUSEWAY_CONFIG`, else",
    "`/etc/causeway/causeway.yaml` (root) or `$XDG_CONFIG_HOME/causeway/causeway.yaml` (others), which",
    "need not exist. Options of the command line win over `$CAUSEWAY_STATE` and `$CAUSEWAY_SOCKET`,",
    "those over the file, and the file over the defaults. A key in two parts, such as `log.level`, is",
    "nested in YAML. An unknown key or a bad value stops the start with exit status 2.",
    "",
    "`causeway up --print-config` prints the resolved configuration with these texts as comments; its",
    "output is a valid file.",
    "",
    "`SIGHUP` (or `POST /v1/reload`) reads the file again. What can change in a running daemon does; the",
    "log names the keys that need a restart; a bad file changes nothing and is logged.",
    "",
  ];
  for (const [name, { doc, allowed, defaultDoc, initial, isReloadable }] of Object.entries(
    settings,
  ))
    lines.push(
      `## \`${name}\``,
      "",
      doc,
      "",
      `- Allowed: ${allowed}`,
      `- Default: ${defaultDoc ?? `\`${JSON.stringify(initial)}\``}`,
      `- Change takes effect: ${isReloadable ? "on SIGHUP" : "at the next start"}`,
      "",
    );
  return lines.join("\n");
}

function splitName(name: string): readonly [string, string | undefined] {
  const [head = name, tail] = name.split(".");
  return [head, tail];
}

function wrap(text: string): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > COMMENT_COLUMNS) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
