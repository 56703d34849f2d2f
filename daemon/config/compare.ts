/** What a new configuration changes in a running daemon. */
import type { Config, SettingName, Settings } from "./settings.ts";
import { createSettings } from "./settings.ts";

export interface ConfigChange {
  /** The old configuration with the new values that can take effect now. */
  readonly merged: Config;
  readonly changed: readonly SettingName[];
  readonly needRestart: readonly SettingName[];
}

export function compareConfigs(
  old: Config,
  next: Config,
  settings: Settings = createSettings(),
): ConfigChange {
  const names = (Object.keys(settings) as SettingName[]).filter(
    (name) => JSON.stringify(old[name]) !== JSON.stringify(next[name]),
  );
  const changed = names.filter((name) => settings[name].isReloadable);
  return {
    merged: { ...old, ...Object.fromEntries(changed.map((name) => [name, next[name]])) },
    changed,
    needRestart: names.filter((name) => !settings[name].isReloadable),
  };
}
