import { EINVAL, ENOENT, SystemError } from "./errors.js";

/** A whole number, or a list of them (`net.ipv4.ip_local_port_range`), or a word. */
export type SettingValue = number | readonly number[] | string;

/**
 * One setting, declared by the layer that obeys it, under Linux's sysctl name where Linux has one. Help texts and
 * docs are made from these.
 */
export interface Setting {
  /** `net.ipv4.tcp_fin_timeout` */
  readonly name: string;
  readonly doc: string;
  readonly unit?: string;
  readonly default: SettingValue;
  /** For numbers, and for each number of a list. */
  readonly min?: number;
  readonly max?: number;
  /** For words. */
  readonly choices?: readonly string[];
  /** A last look at a value that fits the rest: a sentence says what is wrong with it. */
  readonly check?: (value: SettingValue) => string | null;
}

interface Entry {
  readonly setting: Setting;
  value: SettingValue;
  readonly watchers: ((value: SettingValue) => void)[];
}

/** Every setting of one stack, in one table. Layers watch what they obey, so that a change reaches a running stack. */
export class Config {
  private readonly entries = new Map<string, Entry>();

  constructor(settings: readonly Setting[], overrides: Readonly<Record<string, SettingValue>> = {}) {
    for (const setting of settings) this.entries.set(setting.name, { setting, value: setting.default, watchers: [] });
    for (const [name, value] of Object.entries(overrides)) this.set(name, value);
  }

  /** Every setting, sorted by name. */
  settings(): readonly Setting[] {
    return [...this.entries.values()].map((e) => e.setting).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  get(name: string): SettingValue {
    return this.entry(name).value;
  }

  number(name: string): number {
    return this.entry(name).value as number;
  }

  /** Sets from a value or from text as `sysctl` takes it. Throws EINVAL or ENOENT with a sentence. */
  set(name: string, value: SettingValue): void {
    const entry = this.entry(name);
    entry.value = parse(entry.setting, value);
    for (const watcher of entry.watchers) watcher(entry.value);
  }

  /** Calls `fn` with the present value now, and with each later one. */
  watch<T extends SettingValue>(name: string, fn: (value: T) => void): void {
    const entry = this.entry(name);
    entry.watchers.push(fn as (value: SettingValue) => void);
    fn(entry.value as T);
  }

  /** As `sysctl` prints it: lists are separated by tabs. */
  format(name: string): string {
    const value = this.get(name);
    return Array.isArray(value) ? value.join("\t") : String(value);
  }

  private entry(name: string): Entry {
    const dotted = name.replaceAll("/", ".");
    const entry = this.entries.get(dotted) ?? this.entries.get(`net.ipv4.${dotted}`);
    if (entry === undefined)
      throw new SystemError(ENOENT, "sysctl", {
        sentence: `there is no setting named ${name}; \`tapstack sysctl\` lists them`,
      });
    return entry;
  }
}

function refuse(setting: Setting, what: string): SystemError {
  return new SystemError(EINVAL, "sysctl", { sentence: `${setting.name}: ${what}` });
}

function parse(setting: Setting, value: SettingValue): SettingValue {
  const parsed =
    typeof setting.default === "number"
      ? parseNumber(setting, value)
      : typeof setting.default === "string"
        ? parseWord(setting, value)
        : parseList(setting, value, setting.default.length);
  const complaint = setting.check?.(parsed);
  if (complaint) throw refuse(setting, complaint);
  return parsed;
}

function parseNumber(setting: Setting, value: unknown): number {
  const n = typeof value === "string" && /^\s*-?\d+\s*$/.test(value) ? Number(value) : value;
  const min = setting.min ?? 0;
  const max = setting.max ?? 0x7fffffff;
  if (typeof n !== "number" || !Number.isInteger(n) || n < min || n > max)
    throw refuse(setting, `${String(value)} is not a whole number from ${min} to ${max}`);
  return n;
}

function parseList(setting: Setting, value: SettingValue, length: number): readonly number[] {
  const parts = typeof value === "string" ? value.trim().split(/[\s,]+/) : Array.isArray(value) ? value : [value];
  if (parts.length !== length) throw refuse(setting, `wants ${length} numbers, was given ${parts.length}`);
  return parts.map((part) => parseNumber(setting, part));
}

function parseWord(setting: Setting, value: SettingValue): string {
  const word = String(value).trim();
  if (setting.choices !== undefined && !setting.choices.includes(word))
    throw refuse(setting, `${word} is not one of ${setting.choices.join(", ")}`);
  return word;
}
