// `tapstack up` with its defaults, and everybody's tools against it: the first of "It must show" in issue 2.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Lab, SLOW, STACK, type Up, until } from "./helpers/lab.js";
import { HAVE_NETNS } from "./netns.js";

describe.skipIf(!HAVE_NETNS)("tapstack up, seen from the host", { timeout: SLOW }, () => {
  let lab: Lab;
  let up: Up;

  beforeAll(async () => {
    lab = await Lab.open("up");
    up = await lab.up();
  }, SLOW);
  afterAll(() => lab?.close(), SLOW);

  it("says where it is, in one line of JSON", () => {
    const { services, ...ready } = up.ready;
    const { pid } = up.process;
    expect(ready).toEqual({
      address: "10.77.0.2/24",
      tap: "tap0",
      mtu: 1500,
      hostAddress: "10.77.0.1/24",
      control: "/run/tapstack/tap0.sock",
      pid,
    });
    expect(services.map(({ name, protocol, port }) => `${name} ${protocol}/${port}`)).toEqual([
      ...["echo tcp/7", "echo udp/7", "discard tcp/9", "discard udp/9", "daytime tcp/13", "daytime udp/13"],
      ...["chargen tcp/19", "dns tcp/53", "dns udp/53", "http tcp/80"],
    ]);
    expect(up.process.stdout.trimEnd()).not.toContain("\n");
    expect(up.process.stderr).toBe("");
  });

  it("serves a page with curl: 200, and a body of the length it says", async () => {
    const { code, stdout } = await lab.sh(`curl -si http://${STACK}/`);
    expect(code).toBe(0);
    const [head = "", body = ""] = stdout.split(/\r\n\r\n(.*)/s);
    expect(head).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    const length = /^Content-Length: (\d+)\r?$/im.exec(head);
    expect(Number(length?.[1])).toBe(Buffer.byteLength(body));
    expect(body).toContain("</html>");
  });

  it.each([
    ["TCP", `nc -N ${STACK} 7`],
    ["UDP", `nc -u -w1 ${STACK} 7`],
  ])("echoes hello to nc over %s", async (_, nc) => {
    expect(await lab.sh(`printf hello | ${nc}`)).toMatchObject({ code: 0, stdout: "hello" });
  });

  it.each([56, 1472, 1473, 4000, 65000])("loses no ping of %d bytes", async (size) => {
    const { code, stdout } = await lab.sh(`ping -c 3 -i 0.2 -s ${size} ${STACK}`);
    expect(stdout).toContain("3 packets transmitted, 3 received, 0% packet loss");
    expect(stdout).not.toMatch(/wrong data|DUP|truncated/);
    expect(code).toBe(0);
  });

  it.each(["", "+tcp"])("answers dig for its own name and its address' name %s", async (flag) => {
    expect(await lab.sh(`dig @${STACK} tapstack. +short ${flag}`)).toMatchObject({ code: 0, stdout: `${STACK}\n` });
    expect(await lab.sh(`dig @${STACK} -x ${STACK} +short ${flag}`)).toMatchObject({ code: 0, stdout: "tapstack.\n" });
  });

  it.each(["", "+tcp"])("refuses to answer dig for other names %s", async (flag) => {
    for (const name of ["example.com", "-x 10.77.0.9"]) {
      const { code, stdout } = await lab.sh(`dig @${STACK} ${name} +norecurse ${flag}`);
      expect(code).toBe(0);
      expect(stdout).toContain("status: REFUSED");
      expect(stdout).not.toMatch(/WARNING|malformed|bad packet/i);
    }
  });

  it("refuses a TCP connection to a closed port at once", async () => {
    // 28 would be curl's code for a connection that nobody answers.
    const { code, stderr } = await lab.sh(`curl -sS --connect-timeout 10 http://${STACK}:81/`);
    expect(stderr).toMatch(/refused|Failed to connect|Couldn't connect/);
    expect(code).toBe(7);
    expect(await lab.sh(`nc -z -v -w 10 ${STACK} 81`)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("Connection refused"),
    });
  });

  it("refuses a datagram to a closed port by ICMP", async () => {
    const before = await lab.counters();
    expect(await lab.sh(`nc -u -z -v ${STACK} 7`)).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("succeeded"),
    });
    expect(await lab.sh(`nc -u -z -v ${STACK} 99`)).toMatchObject({
      code: 1,
      stderr: expect.not.stringContaining("succeeded"),
    });
    const after = await lab.counters();
    expect((after.IcmpOutDestUnreachs as number) - (before.IcmpOutDestUnreachs as number)).toBeGreaterThan(0);
  });

  it.each(["nc -d", "nc -u -w1"])("tells the time of day: %s", async (nc) => {
    const { code, stdout } = await lab.sh(`echo | ${nc} ${STACK} 13`);
    expect(stdout).toMatch(/^\w+day, \w+ \d{1,2}, \d{4} \d\d:\d\d:\d\d-UTC\r\n$/);
    const told = Date.parse(stdout.replace(/^\w+, /, "").replace("-UTC", " UTC"));
    expect(Math.abs(Date.now() - told)).toBeLessThan(60_000);
    expect(code).toBe(0);
  });

  it("generates characters, as RFC 864 shows them", async () => {
    const { stdout } = await lab.sh(`set +o pipefail; nc -d ${STACK} 19 | head -n 96`);
    const lines = stdout.split("\r\n");
    expect(lines[0]).toBe(" !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefg");
    expect(lines[1]).toBe("!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefgh");
    expect(lines[95]).toBe(lines[0]);
    expect(new Set(lines.slice(0, 95)).size).toBe(95);
  });

  it("takes what discard is sent, by TCP and UDP, and says nothing", async () => {
    expect(await lab.sh(`head -c 100000 /dev/zero | nc -N ${STACK} 9`)).toMatchObject({ code: 0, stdout: "" });
    expect(await lab.sh(`head -c 1000 /dev/zero | nc -u -w1 ${STACK} 9`)).toMatchObject({ code: 0, stdout: "" });
  });

  it("shows its listeners and the live connection, with the right ports, in ss's columns", async () => {
    const peer = lab.start(["nc", "-v", "-p", "40001", STACK, "7"]);
    await peer.prints("succeeded");
    const row = await until("an established row", async () => {
      const { stdout } = await lab.tapstack(["ss", "-tnap"]);
      const rows = stdout.split("\n").map((line) => line.trim().split(/\s+/));
      expect(rows[0]?.join(" ")).toMatch(/^State Recv-Q Send-Q Local Address:Port Peer Address:Port ?Process$/);
      const listeners = rows.filter(([state]) => state === "LISTEN").map(([, , , local]) => local);
      expect(listeners).toEqual([7, 9, 13, 19, 53, 80].map((port) => `0.0.0.0:${port}`));
      return rows.find(([state]) => state === "ESTAB");
    });
    const users = expect.stringContaining(`users:(("echo",pid=${up.ready.pid},fd=`);
    expect(row).toEqual(["ESTAB", "0", "0", `${STACK}:7`, "10.77.0.1:40001", users]);
    // The kernel, at the other end, sees the same connection.
    const kernel = await lab.sh(`ss -tnH state established dport = :7`);
    expect(kernel.stdout.trim().split(/\s+/).slice(2)).toEqual(["10.77.0.1:40001", `${STACK}:7`]);
    await peer.kill();
  });
});
