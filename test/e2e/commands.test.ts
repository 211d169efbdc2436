// tapstack's own commands against a running stack.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HOST, Lab, SLOW, STACK, type Up, until } from "./helpers/lab.js";
import { HAVE_NETNS } from "./netns.js";

describe.skipIf(!HAVE_NETNS)("tapstack's commands on a running stack", { timeout: SLOW }, () => {
  let lab: Lab;
  let up: Up;

  beforeAll(async () => {
    lab = await Lab.open("cmd");
    up = await lab.up();
  }, SLOW);
  afterAll(() => lab?.close(), SLOW);

  /** Lines of a command's output, each as its words. */
  async function words(...command: string[]): Promise<string[][]> {
    const { code, stdout, stderr } = await lab.tapstack(command);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    return stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.trim().split(/\s+/));
  }

  it("ss filters by port and state, and names services", async () => {
    const listeners = await words("ss", "-tln", "sport = :80");
    expect(listeners.slice(1)).toEqual([["LISTEN", "0", "4096", "0.0.0.0:80", "0.0.0.0:*"]]);
    expect((await words("ss", "-tl", "-H", "sport = :http"))[0]?.[3]).toBe("0.0.0.0:http");
    const udp = await words("ss", "-uan", "-H");
    expect(udp.map(([state, , , local]) => `${state} ${local}`)).toEqual([
      ...["UNCONN 0.0.0.0:7", "UNCONN 0.0.0.0:9", "UNCONN 0.0.0.0:13", "UNCONN 0.0.0.0:53"],
    ]);
    const peer = lab.start(["nc", "-v", "-p", "40002", STACK, "7"]);
    await peer.prints("succeeded");
    const rows = await words("ss", "-tn", "-H", "-e", "-o", "state", "established");
    expect(rows.map((row) => row.slice(0, 4))).toEqual([["0", "0", `${STACK}:7`, `${HOST}:40002`]]);
    await peer.kill();
    await until("the connection's end", async () => {
      const { stdout } = await lab.tapstack(["ss", "-tnH", "state", "established"]);
      return stdout === "";
    });
  });

  it("netstat, lsof and fuser show the same sockets", async () => {
    const { pid } = up.ready;
    const netstat = await words("netstat", "-tlnp");
    expect(netstat[0]?.join(" ")).toBe("Active Internet connections (only servers)");
    expect(netstat).toContainEqual(["tcp", "0", "0", "0.0.0.0:53", "0.0.0.0:*", "LISTEN", `${pid}/dns`]);
    const lsof = await words("lsof", "-nP", "-i", "udp:53");
    expect(lsof).toHaveLength(2);
    expect(lsof[1]?.slice(0, 2)).toEqual(["dns", `${pid}`]);
    expect(lsof[1]?.slice(-2)).toEqual(["UDP", "*:53"]);
    const fuser = await lab.tapstack(["fuser", "80/tcp"]);
    expect(fuser.code).toBe(0);
    expect(`${fuser.stderr}${fuser.stdout}`.replace(/\s+/g, " ").trim()).toBe(`80/tcp: ${pid}`);
    expect((await lab.tapstack(["fuser", "81/tcp"])).code).toBe(1);
    expect((await lab.tapstack(["lsof", "-i", ":81"])).code).toBe(1);
  });

  it("nstat counts, and shows what has changed since the last time", async () => {
    await lab.tapstack(["nstat"]);
    await lab.sh(`ping -c 2 -i 0.2 ${STACK}`);
    const rows = await words("nstat", "IcmpInE*");
    expect(rows).toEqual([["#tapstack"], ["IcmpInEchos", "2", "0.0"]]);
    expect(await words("nstat", "IcmpInE*")).toEqual([["#tapstack"]]);
  });

  it("sysctl reads and changes settings of the running stack", async () => {
    const name = "net.ipv4.ip_default_ttl";
    expect(await words("sysctl", name)).toEqual([[name, "=", "64"]]);
    expect(await words("sysctl", "-n", "ip_default_ttl=63")).toEqual([["63"]]);
    expect((await lab.sh(`ping -c 1 ${STACK}`)).stdout).toContain("ttl=63");
    expect(await words("sysctl", "ip_default_ttl=64")).toEqual([[name, "=", "64"]]);
    const bad = await lab.tapstack(["sysctl", "net.ipv4.no_such_thing"]);
    expect(bad).toMatchObject({ code: 1, stdout: "", stderr: expect.stringMatching(/^tapstack: .*no_such_thing/) });
    const wrong = await lab.tapstack(["sysctl", "ip_default_ttl=400"]);
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringMatching(/^tapstack: .*400/) });
  });

  it("ping goes out through the stack, and loses nothing", async () => {
    const { code, stdout } = await lab.tapstack(["ping", "-c", "3", "-i", "0.2", "-s", "4000", HOST]);
    expect(stdout).toContain("3 packets transmitted, 3 received, 0% packet loss");
    expect(stdout).toMatch(/4008 bytes from 10\.77\.0\.1: icmp_seq=1 .*time=/);
    expect(code).toBe(0);
    const nobody = await lab.tapstack(["ping", "-c", "1", "-W", "1", "10.77.0.99"]);
    expect(nobody).toMatchObject({ code: 1, stdout: expect.stringContaining("100% packet loss") });
  });

  it("nc connects to a server on the host, from an ephemeral port, and carries data both ways", async () => {
    const server = lab.start(["nc", "-l", "-v", "-n", "-N", HOST, "5001"]);
    await server.prints("Listening");
    server.stdin?.end("from the host");
    const { code, stdout } = await lab.tapstack(["nc", "-N", HOST, "5001"], { input: "through the stack" });
    expect({ code, stdout }).toEqual({ code: 0, stdout: "from the host" });
    const served = await server.ended;
    expect(served).toMatchObject({ code: 0, stdout: "through the stack" });
    const port = Number(/Connection received on 10\.77\.0\.2 (\d+)/.exec(served.stderr)?.[1]);
    expect(port).toBeGreaterThanOrEqual(32768);
    expect(port).toBeLessThanOrEqual(60999);
  });

  it("nc says that nobody listens", async () => {
    const refused = await lab.tapstack(["nc", "-v", HOST, "5002"]);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/5002.*ECONNREFUSED/) });
    expect(await lab.tapstack(["nc", "-z", "-v", "-u", HOST, "5002"])).toMatchObject({ code: 1 });
  });

  it("nc -u exchanges datagrams with a server on the host", async () => {
    const server = lab.start(["socat", "-d", "-d", `UDP4-LISTEN:5003,bind=${HOST}`, "PIPE"]);
    await server.prints("listening on UDP");
    const { code, stdout } = await lab.tapstack(["nc", "-u", "-w", "2", HOST, "5003"], { input: "datagram" });
    expect({ code, stdout }).toEqual({ code: 0, stdout: "datagram" });
    await server.kill();
  });

  it("nc -l listens in the stack", async () => {
    const server = lab.startTapstack(["nc", "-v", "-l", "-N", "5004"]);
    await server.prints("Listening on 0.0.0.0 5004");
    expect((await lab.tapstack(["ss", "-tlnpH", "sport = :5004"])).stdout).toContain(`users:(("nc",pid=${server.pid},`);
    server.stdin?.end("from the stack");
    const client = await lab.sh(`printf 'from the host' | nc -N ${STACK} 5004`);
    expect(client).toMatchObject({ code: 0, stdout: "from the stack" });
    expect(await server.ended).toMatchObject({ code: 0, stdout: "from the host" });
    expect((await lab.tapstack(["ss", "-tlnH", "sport = :5004"])).stdout).toBe("");
  });

  it("nc -u -l answers a datagram in the stack", async () => {
    const server = lab.startTapstack(["nc", "-v", "-u", "-l", "5005"]);
    await server.prints("Listening on 0.0.0.0 5005");
    const client = lab.start(["nc", "-u", STACK, "5005"]);
    client.stdin?.write("question");
    await server.prints("question");
    server.stdin?.write("answer");
    await client.prints("answer");
    await Promise.all([client.kill(), server.kill()]);
  });

  it("tells which stack is meant when none or another runs", async () => {
    const none = await lab.tapstack(["ss", "--tap", "tap9"]);
    expect(none).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringMatching(/^tapstack: no tapstack runs at /),
    });
  });
});
