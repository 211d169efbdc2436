import { existsSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { HAVE_NETNS, Netns } from "./netns.js";
import { ADDRESS, Running, RunningStack, sleep } from "./running-stack.js";

describe.skipIf(!HAVE_NETNS)("tapstack up, from its start to its end", { timeout: 30_000 }, () => {
  let netns: Netns;
  let stack: RunningStack;

  beforeEach(() => {
    netns = new Netns("up");
    stack = new RunningStack(netns);
  });

  afterEach(async () => {
    await netns.close();
    stack.remove();
  });

  const link = async (name = "tap0"): Promise<number | null> => (await netns.run("ip", ["link", "show", name])).code;

  /** A connection to chargen that reads nothing, until SIGUSR1 makes it; then it says how it ended. */
  async function stubborn(): Promise<Running> {
    const script = `
      import { connect } from "node:net";
      const c = connect({ port: 19, host: "${ADDRESS}" }, () => console.log("connected"));
      c.pause();
      c.on("end", () => console.log("end"));
      c.on("error", (e) => console.log("error " + e.code));
      c.on("close", () => process.exit(0));
      setInterval(() => {}, 1000);
      process.on("SIGUSR1", () => c.resume());`;
    const running = new Running(
      netns.spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "pipe"] }),
    );
    await running.said(/connected/);
    // Until its window is shut.
    await sleep(300);
    return running;
  }

  async function timed<T>(work: Promise<T>): Promise<{ result: T; seconds: number }> {
    const start = performance.now();
    const result = await work;
    return { result, seconds: (performance.now() - start) / 1000 };
  }

  it("SIGINT ends it too; a peer that does not read is waited for two seconds, then reset", async () => {
    await stack.start();
    const peer = await stubborn();
    const { result, seconds } = await timed(stack.stop("SIGINT"));
    expect(result.code).toBe(0);
    expect(seconds).toBeGreaterThan(1.9);
    expect(seconds).toBeLessThan(4);
    // A reset ends the connection in the peer's kernel before anything of it is read.
    expect((await netns.run("ss", ["-tnH", "dport = :19"])).stdout).toBe("");
    peer.child.kill("SIGUSR1");
    // libuv may tell a reset behind data as an end.
    expect((await peer.ended).stdout).toMatch(/^connected\n(error ECONNRESET|end)\n$/);
  });

  it("a second signal ends it at once", async () => {
    await stack.start();
    await stubborn();
    const up = stack.up as Running;
    up.child.kill("SIGINT");
    await sleep(300);
    const { result, seconds } = await timed(stack.stop("SIGINT"));
    expect(result.code).toBe(1);
    expect(seconds).toBeLessThan(1);
  });

  it("refuses to run twice, and the first runs on", async () => {
    await stack.start();
    const second = await stack.cli([
      "up",
      "--control",
      stack.control,
      "--tap",
      "tap1",
      "--address",
      "10.78.0.2/24",
      "--host-address",
      "10.78.0.1/24",
    ]);
    expect(second.code).toBe(1);
    expect(second.stderr).toMatch(/a running tapstack already answers at .*control\.sock/);
    expect(await link("tap1")).toBe(1);
    const busy = await stack.cli(["up", "--control", `${stack.control}2`]);
    expect(busy.code).toBe(1);
    expect(busy.stderr).toMatch(/tap0/);
    expect(existsSync(`${stack.control}2`)).toBe(false);
    expect((await netns.run("curl", ["-sf", `http://${ADDRESS}/counters.json`])).code).toBe(0);
  });
});
