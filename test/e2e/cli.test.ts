import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HAVE_NETNS, Netns } from "./netns.js";
import { HOST, Running, RunningStack, sleep } from "./running-stack.js";

describe.skipIf(!HAVE_NETNS)("the command line beside a running stack", { timeout: 30_000 }, () => {
  let netns: Netns;
  let stack: RunningStack;

  beforeAll(async () => {
    netns = new Netns("cli");
    stack = new RunningStack(netns);
    await stack.start();
  }, 30_000);

  afterAll(async () => {
    await netns.close();
    stack.remove();
  });

  const spawn = (script: string): Running =>
    new Running(netns.spawn("bash", ["-c", script], { stdio: ["pipe", "pipe", "pipe"] }));

  it("nc -z tells open from closed", async () => {
    const server = spawn(`exec nc.openbsd -k -l ${HOST} 4006`);
    await sleep(300);
    const { code, stderr } = await stack.cli(["nc", "-z", "-v", HOST, "4006-4007"]);
    expect(stderr).toBe(
      "Connection to 10.77.0.1 4006 port [tcp/*] succeeded!\n" +
        "tapstack nc: connect to 10.77.0.1 port 4007 (tcp) failed: connect ECONNREFUSED 10.77.0.1:4007: nothing listens there\n",
    );
    expect(code).toBe(1);
    server.child.kill();
    await server.ended;
    const timed = await stack.cli(["nc", "-w", "1", "10.77.0.98", "80"]);
    expect(timed.stderr).toMatch(/failed: timed out/);
  });

  it("nc ends its connection when it is killed", async () => {
    const server = spawn(`exec nc.openbsd -l ${HOST} 4008`);
    await sleep(300);
    const client = stack.launch("nc", HOST, "4008");
    client.child.stdin?.write("x");
    await server.said(/x/);
    client.child.kill("SIGKILL");
    await client.ended;
    server.child.stdin?.end();
    await server.ended;
    const { stdout } = await stack.cli(["ss", "-tnH", "dport = :4008"]);
    expect(stdout).toBe("");
  });
});
