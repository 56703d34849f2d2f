/** The bridge's rules of the configuration file, as the bridge reads them. */
import { BridgeError, configuredRules } from "../bridge/index.ts";
import type { RuleRequest } from "../bridge/index.ts";
import { ConfigError } from "../platform/errors.ts";
import type { Config } from "./config/settings.ts";

/** @throws {ConfigError} naming the key and the first rule that cannot be */
export function rulesOfConfig(config: Config): readonly RuleRequest[] {
  const exported = config["bridge.exports"].map(
    ({ unlisted = false, type, ...rule }): RuleRequest => ({
      ...rule,
      type: "export",
      serviceType: type,
      isUnlisted: unlisted,
    }),
  );
  const imported = config["bridge.imports"].map(
    ({ localOnly = false, direct = false, ...rule }): RuleRequest => ({
      ...rule,
      type: "import",
      isLocalOnly: localOnly,
      isDirect: direct,
    }),
  );
  checkRules("bridge.exports", exported);
  checkRules("bridge.imports", imported);
  return [...exported, ...imported];
}

function checkRules(path: string, requests: readonly RuleRequest[]): void {
  try {
    configuredRules(requests);
  } catch (error) {
    if (!(error instanceof BridgeError)) throw error;
    throw new ConfigError(path, error.message, { cause: error });
  }
}
