// What the command line refuses, and that it has then made nothing.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Lab, SLOW } from "./helpers/lab.js";
import { HAVE_NETNS } from "./netns.js";

/** Arguments, and what the sentence must name. */
const WRONG: readonly (readonly [line: string, sentence: RegExp])[] = [
  ["up --nonsense", /--nonsense/],
  ["up extra", /argument/],
  ["up --address 10.77.0.2", /--address.*10\.77\.0\.2/],
  ["up --address 10.77.0.300/24", /--address.*10\.77\.0\.300/],
  ["up --address 10.77.0.2/33", /--address.*10\.77\.0\.2\/33/],
  ["up --host-address 10.78.0.1/24", /not in one network/],
  ["up --host-address 10.77.0.2/24", /--host-address/],
  ["up --gateway elsewhere", /--gateway.*elsewhere/],
  ["up --mac 02:77", /--mac.*02:77/],
  ["up --mac 01:00:5e:00:00:01", /01:00:5e:00:00:01/],
  ["up --mtu 67", /--mtu.*67/],
  ["up --mtu 1500x", /--mtu.*1500x/],
  ["up --mtu 70000", /--mtu.*70000/],
  ["up --services echo,nonsense", /nonsense/],
  ["up --services echo=0", /echo/],
  ["up --services http,http-raw", /both want tcp port 80/],
  ["up --driver other", /--driver.*other/],
  ["up --conflict-detection maybe", /maybe/],
  ["up --sysctl nonsense", /--sysctl.*nonsense/],
  ["up --sysctl net.ipv4.nonsense=1", /nonsense/],
  ["up --sysctl net.ipv4.ip_default_ttl=900", /900/],
  ["up --tap a-name-that-is-too-long", /--tap/],
  ["up --tap", /--tap/],
  ["nonsense", /nonsense/],
  ["ss --nonsense", /--nonsense/],
  ["ss sport = :nonsense", /nonsense/],
  ["ss state nonsense", /nonsense/],
  ["nc 10.77.0.1", /port/],
  ["nc 10.77.0.1 99999", /99999/],
  ["ping", /host/],
  ["ping -c x 10.77.0.1", /x/],
  ["sysctl =1", /=1/],
  ["lsof -i :nonsense", /nonsense/],
];

const COMMANDS = ["", "up", "ss", "netstat", "lsof", "fuser", "ping", "nc", "sysctl", "nstat"];

interface Answer {
  readonly line: string;
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

describe.skipIf(!HAVE_NETNS)("a command line that makes no sense", { timeout: SLOW }, () => {
  let lab: Lab;
  let answers: Map<string, Answer>;
  beforeAll(async () => {
    lab = await Lab.open("use");
    const lines = [...WRONG.map(([line]) => line), ...COMMANDS.map((name) => `${name} --help`)];
    const script = ["--import", "tsx", "test/e2e/scripts/command-lines.ts"];
    const { stdout, stderr } = await lab.run([process.execPath, ...script, ...lines], { timeout: SLOW });
    expect(stderr).toBe("");
    const parsed = stdout.trimEnd().split("\n");
    answers = new Map(parsed.map((text) => JSON.parse(text) as Answer).map((answer) => [answer.line, answer]));
  }, SLOW);
  afterAll(() => lab?.close(), SLOW);

  it.each(WRONG)("tapstack %s: exit code 2, and a sentence", (line, sentence) => {
    const { code, stdout, stderr } = answers.get(line) as Answer;
    expect(stderr).toMatch(/^tapstack: /);
    expect(stderr).toMatch(sentence);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });

  it("is the process' exit code too", async () => {
    for (const line of ["up --nonsense", "up --mtu 67", "ss state nonsense"])
      expect(await lab.tapstack(line.split(" "))).toMatchObject({ code: 2, stdout: "" });
  });

  it("has made neither a device nor a control socket", async () => {
    const { stdout } = await lab.sh("ip -o link; ls -A /run");
    expect(stdout.trimEnd().split("\n")).toEqual([expect.stringMatching(/^1: lo:/)]);
  });

  it.each(COMMANDS)("tapstack %s --help: exit code 0", (name) => {
    const { code, stdout, stderr } = answers.get(`${name} --help`) as Answer;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain(`Usage: ${["tapstack", name].join(" ").trim()}`);
  });
});

describe.skipIf(!HAVE_NETNS)("a tapstack up that cannot be", { timeout: SLOW }, () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await Lab.open("not");
  }, SLOW);
  afterAll(() => lab?.close(), SLOW);

  /** Runs it; it must fail with a sentence, and leave nothing. */
  async function fails(words: readonly string[], sentence: RegExp): Promise<void> {
    const links = await lab.sh("ip -o link");
    const { code, stdout, stderr } = await lab.tapstack(["up", ...words]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^tapstack: [^\n]*\n$/);
    expect(stderr).toMatch(sentence);
    expect(await lab.sh("ip -o link; ls -A /run/tapstack")).toMatchObject({ stdout: links.stdout });
  }

  it("because its address is taken", async () => {
    // Linux answers ARP for every address it has, whatever the interface.
    lab.netns.ip("address", "add", "10.77.0.2/32", "dev", "lo");
    await fails([], /10\.77\.0\.2/);
    lab.netns.ip("address", "del", "10.77.0.2/32", "dev", "lo");
  });

  it("because the device's name is that of another kind", async () => {
    lab.netns.ip("link", "add", "v0", "type", "veth", "peer", "name", "v1");
    await fails(["--tap", "v0"], /v0/);
    lab.netns.ip("link", "del", "v0");
  });

  it("because a service may not have its port", async () => {
    const settings = ["--services", "http", "--sysctl", "net.ipv4.ip_unprivileged_port_start=81"];
    await fails(settings, /EACCES 0\.0\.0\.0:80: .*net\.ipv4\.ip_unprivileged_port_start/);
  });

  it("because the capture's file cannot be written", async () => {
    await fails(["--capture", "/proc/nowhere/file.pcapng"], /\/proc\/nowhere\/file\.pcapng/);
  });

  it("because the control socket's place is not one", async () => {
    await fails(["--control", "/dev/null"], /\/dev\/null/);
  });

  it("because another stack has the device", async () => {
    const { process } = await lab.up();
    const again = await lab.tapstack(["up"]);
    expect(again).toMatchObject({ code: 1, stdout: "", stderr: expect.stringMatching(/^tapstack: .*already answers/) });
    const beside = await lab.tapstack(["up", "--control", "/run/other.sock"]);
    expect(beside).toMatchObject({ code: 1, stdout: "", stderr: expect.stringMatching(/^tapstack: .*tap0/) });
    // It has not disturbed the first.
    expect(await lab.sh("printf hello | nc -N 10.77.0.2 7; ls /run")).toMatchObject({ stdout: "hellotapstack\n" });
    expect(await process.kill()).toMatchObject({ code: 0, stderr: "" });
  });
});
