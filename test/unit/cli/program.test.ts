import { Command } from "commander";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { run } from "../../../src/cli/program.js";
import { checkUpOptions, upFlags } from "../../../src/cli/up-options.js";

let out = "";
let err = "";

beforeEach(() => {
  out = "";
  err = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    out += String(text);
    return true;
  });
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    err += String(text);
    return true;
  });
  vi.stubEnv("TAPSTACK_CONTROL", "/nonexistent/tap.sock");
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

const COMMANDS = ["up", "ss", "netstat", "lsof", "fuser", "ping", "nc", "sysctl", "nstat"];

describe("help", () => {
  it.each(["", ...COMMANDS])("%s --help exits 0 and says how to use it", async (command) => {
    expect(await run([command, "--help"].filter((word) => word !== ""))).toBe(0);
    expect(out).toMatch(new RegExp(`^Usage: tapstack ?${command}`));
    expect(err).toBe("");
  });

  it("names every service", async () => {
    await run(["up", "--help"]);
    for (const name of ["echo", "discard", "daytime", "chargen", "dns", "http", "http-raw"])
      expect(out).toContain(`\n  ${name} `);
  });

  it("without a command exits 2", async () => {
    expect(await run([])).toBe(2);
    expect(err).toContain("Usage: tapstack");
  });

  it("has a version", async () => {
    expect(await run(["--version"])).toBe(0);
    expect(out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe("what makes no sense exits 2 with a sentence", () => {
  it.each(COMMANDS)("%s --frobnicate", async (command) => {
    expect(await run([command, "--frobnicate"])).toBe(2);
    expect(err).toBe(`tapstack: unknown option '--frobnicate'\nSee "tapstack ${command} --help".\n`);
  });

  it.each([
    [["frobnicate"], "unknown command 'frobnicate'"],
    [["netstat", "extra"], "too many arguments"],
    [["up", "--mtu", "67"], "Give a whole number from 68 to 65521."],
    [["up", "--mtu", "1e3"], "Give a whole number from 68 to 65521."],
    [["up", "--driver", "none"], "Allowed choices are native, ffi-napi, tuntap2."],
    [["up", "--services", "echo,ecko"], 'there is no service "ecko"'],
    [["up", "--address", "10.77.0.2"], '"10.77.0.2" is no address with a prefix length'],
    [["up", "--host-address", "nobody"], '"nobody" is no address with a prefix length'],
    [["up", "--address", "10.77.0.1/24"], "are both 10.77.0.1"],
    [["up", "--address", "10.78.0.2/24"], "are not in one network"],
    [["up", "--gateway", "there"], '"there" is no address'],
    [["up", "--mac", "02:77"], '"02:77" is no MAC address'],
    [["up", "--tap", "a-name-much-too-long"], "give 1 to 15 characters"],
    [["up", "--sysctl", "tcp_sack"], '"tcp_sack" sets nothing'],
    [["ping"], "missing required argument 'host'"],
    [["ping", "-c", "0", "h"], "Give a whole number from 1 to"],
    [["ping", "-i", "0", "h"], "Give a number from 0.002 to 3600."],
    [["ping", "-s", "65508", "h"], "Give a whole number from 0 to 65507."],
    [["nc", "10.77.0.1"], "give a host and a port"],
    [["nc", "10.77.0.1", "20-30"], '"20-30" is neither a port'],
    [["nc", "-l"], "missing required argument"],
    [["nc", "-l", "1", "2", "3"], "give a port, or an address and a port"],
    [["ss", "state", "odd"], '"odd" is no state'],
    [["lsof", "-i", "80"], '"80" is no selection'],
    [["fuser", "80"], '"80" is no place'],
    [["sysctl", "=1"], "names no setting"],
  ])("%j", async (words, sentence) => {
    expect(await run(words)).toBe(2);
    expect(err).toContain(sentence);
    expect(out).toBe("");
  });
});

describe("without a running stack", () => {
  it.each([
    ["ss"],
    ["netstat"],
    ["lsof"],
    ["fuser", "80/tcp"],
    ["ping", "10.77.0.1"],
    ["nc", "10.77.0.1", "80"],
    ["nstat"],
    ["sysctl"],
  ])("%s exits 1 and says so", async (...words) => {
    expect(await run(words)).toBe(1);
    expect(err).toBe("tapstack: no tapstack runs at /nonexistent/tap.sock\n");
  });
});

describe("up's defaults", () => {
  const parse = (...words: string[]) => {
    const command = upFlags(new Command("up"));
    command.parse(words, { from: "user" });
    return checkUpOptions(command.opts());
  };

  it("are the issue's", () => {
    const options = parse();
    expect(options).toMatchObject({
      tap: "tap0",
      address: "10.77.0.2/24",
      hostAddress: "10.77.0.1/24",
      gateway: "10.77.0.1",
      mtu: null,
      driver: "native",
      offload: true,
    });
    expect(options.services.map(({ service, port }) => `${service.name}${port}`)).toEqual([
      "echo7",
      "discard9",
      "daytime13",
      "chargen19",
      "dns53",
      "http80",
    ]);
    expect(options.control).toMatch(/tap0\.sock$/);
  });

  it("follow the flags", () => {
    expect(parse("--host-address", "none")).toMatchObject({ hostAddress: null, gateway: null });
    expect(parse("--gateway", "none").gateway).toBeNull();
    expect(parse("--tap", "tap9").control).toMatch(/tap9\.sock$/);
    expect(parse("--sysctl", "a=1", "--sysctl", "b = 2 3").sysctl).toEqual([
      ["a", "1"],
      ["b", "2 3"],
    ]);
  });
});
