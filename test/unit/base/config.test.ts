import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Config, type Setting, type SettingValue } from "../../../src/base/config.js";
import { SystemError } from "../../../src/base/errors.js";

const SETTINGS: readonly Setting[] = [
  { name: "net.ipv4.tcp_fin_timeout", doc: "", default: 60, min: 1, max: 3600 },
  {
    name: "net.ipv4.ip_local_port_range",
    doc: "",
    default: [32768, 60999],
    min: 1,
    max: 65535,
    check: (value) =>
      ((value as number[])[0] as number) > ((value as number[])[1] as number) ? "first above last" : null,
  },
  { name: "net.ipv4.tcp_congestion_control", doc: "", default: "cubic", choices: ["cubic", "reno"] },
  { name: "net.core.somaxconn", doc: "", default: 4096 },
  { name: "tapstack.offset", doc: "", default: 0, min: -10, max: 10 },
];

describe("Config", () => {
  it("begins with the defaults, and what it was given in their place", () => {
    const config = new Config(SETTINGS, { "net.core.somaxconn": 7, tcp_fin_timeout: "30" });
    expect(config.get("net.core.somaxconn")).toBe(7);
    expect(config.number("net.ipv4.tcp_fin_timeout")).toBe(30);
    expect(config.get("net.ipv4.ip_local_port_range")).toEqual([32768, 60999]);
    expect(config.settings().map((s) => s.name)).toEqual(SETTINGS.map((s) => s.name).sort());
    expect(SETTINGS[0]?.default).toBe(60);
  });

  it.each<[string, SettingValue, SettingValue, string]>([
    ["net.core.somaxconn", 128, 128, "128"],
    ["net/core/somaxconn", " 128 ", 128, "128"],
    ["tcp_fin_timeout", "3600", 3600, "3600"],
    ["tapstack.offset", "-10", -10, "-10"],
    ["ip_local_port_range", "1024 2048", [1024, 2048], "1024\t2048"],
    ["ip_local_port_range", "1024\t 2048\n", [1024, 2048], "1024\t2048"],
    ["ip_local_port_range", "1024,2048", [1024, 2048], "1024\t2048"],
    ["ip_local_port_range", [5, 5], [5, 5], "5\t5"],
    ["tcp_congestion_control", " reno\n", "reno", "reno"],
  ])("%s takes %j", (name, value, parsed, printed) => {
    const config = new Config(SETTINGS);
    config.set(name, value);
    expect(config.get(name)).toEqual(parsed);
    expect(config.format(name)).toBe(printed);
  });

  it.each<[string, SettingValue, string, RegExp]>([
    ["net.core.somaxconn", "many", "EINVAL", /net.core.somaxconn: many is not a whole number from 0 to 2147483647/],
    ["net.core.somaxconn", 1.5, "EINVAL", /1.5 is not/],
    ["net.core.somaxconn", "1e3", "EINVAL", /1e3/],
    ["net.core.somaxconn", "", "EINVAL", /whole number/],
    ["net.core.somaxconn", 2 ** 31, "EINVAL", /2147483648/],
    ["net.core.somaxconn", Number.NaN, "EINVAL", /NaN/],
    ["net.core.somaxconn", [1, 2], "EINVAL", /1,2/],
    ["tcp_fin_timeout", 0, "EINVAL", /0 is not a whole number from 1 to 3600/],
    ["tcp_fin_timeout", "-5", "EINVAL", /-5/],
    ["ip_local_port_range", "1024", "EINVAL", /wants 2 numbers, was given 1/],
    ["ip_local_port_range", "1 2 3", "EINVAL", /was given 3/],
    ["ip_local_port_range", "0 5", "EINVAL", /0 is not/],
    ["ip_local_port_range", "9 5", "EINVAL", /first above last/],
    ["tcp_congestion_control", "bbr", "EINVAL", /bbr is not one of cubic, reno/],
    ["net.ipv4.no_such", 1, "ENOENT", /no setting named net.ipv4.no_such.*sysctl/],
  ])("%s refuses %j, and stays as it was", (name, value, code, sentence) => {
    const config = new Config(SETTINGS);
    const before = SETTINGS.map((s) => config.get(s.name));
    let heard = 0;
    for (const s of SETTINGS) config.watch(s.name, () => heard++);
    let thrown: unknown;
    try {
      config.set(name, value);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(SystemError);
    expect(thrown).toMatchObject({ code, message: expect.stringMatching(sentence) });
    expect(SETTINGS.map((s) => config.get(s.name))).toEqual(before);
    expect(heard).toBe(SETTINGS.length);
  });

  it("tells watchers the present value and every later one", () => {
    const config = new Config(SETTINGS);
    const heard: SettingValue[][] = [[], []];
    config.watch<number>("net.core.somaxconn", (value) => (heard[0] as SettingValue[]).push(value));
    config.set("net.core.somaxconn", 5);
    config.watch<number>("net.core.somaxconn", (v) => (heard[1] as SettingValue[]).push(v));
    config.set("net.core.somaxconn", "6");
    expect(heard).toEqual([
      [4096, 5, 6],
      [5, 6],
    ]);
  });

  it("prints what it can read again", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 65535 }), fc.integer({ min: 1, max: 65535 }), (a, b) => {
        const config = new Config(SETTINGS);
        config.set("ip_local_port_range", [Math.min(a, b), Math.max(a, b)]);
        const printed = config.format("ip_local_port_range");
        config.set("ip_local_port_range", printed);
        expect(config.format("ip_local_port_range")).toBe(printed);
      }),
    );
  });

  it("keeps its own copy of a list", () => {
    const config = new Config(SETTINGS);
    const list = [10, 20];
    config.set("ip_local_port_range", list);
    list[0] = 99;
    expect(config.get("ip_local_port_range")).toEqual([10, 20]);
  });
});
