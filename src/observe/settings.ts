import type { Config } from "../base/config.js";
import type { SettingRow } from "./protocol.js";

/**
 * What `sysctl` shows: all settings, or the one named, after setting it when a value is given. Throws ENOENT, EINVAL
 * with a sentence.
 */
export function settingRows(config: Config, name?: string, value?: string): SettingRow[] {
  const row = (full: string, doc: string): SettingRow => ({ name: full, value: config.format(full), doc });
  if (name === undefined) return config.settings().map((setting) => row(setting.name, setting.doc));
  if (value !== undefined) config.set(name, value);
  else config.get(name);
  const dotted = name.replaceAll("/", ".");
  const setting = config.settings().find((s) => s.name === dotted || s.name === `net.ipv4.${dotted}`);
  return setting === undefined ? [] : [row(setting.name, setting.doc)];
}
