// The same workload against our stack on a TAP and against a second kernel over veth, each captured: whatever tshark's
// experts remark on in ours, they remark on in the kernel's too.
//
// Checksums: a capture on the sender's own interface shows what the sender leaves to a device, half-made checksums and
// segments of 64 KB, and tshark would call them wrong. So the first comparison switches all offload off (--no-offload;
// ethtool -K on both ends of the veth), and tcpdump sees what would be on a wire. The second one keeps our offload on and
// reads what `--capture` wrote, which cuts the segments and completes the checksums as the device would.
//
// Time: a program that a busy machine lets wait for tens of milliseconds makes its peer repeat itself, on a wire as here,
// which says nothing about either. So on every side no loss is probed for and no RTO is shorter than a second: what is
// sent twice then was sent twice for another reason. (What probes look like is looked at in kernel-tcp.test.ts.)
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Background, HOST, Lab, STACK } from "./helpers/lab.js";
import { HAVE_NETNS, Netns } from "./netns.js";

const FULL = process.env.TAPSTACK_FULL === "1";
const TIMEOUT = FULL ? 600_000 : 120_000;
/** KiB that tcpdump may be behind. */
const BUFFER = FULL ? "524288" : "131072";
/** Bytes of a large transfer; curls at a time; connections and seconds of wrk. */
const [BYTES, CURLS, CONNECTIONS, SECONDS] = FULL ? [32_000_000, 200, 64, 2] : [8_000_000, 20, 16, 1];

/** The same, for a kernel with a route and for our stack. */
const PATIENT = "echo 0 >/proc/sys/net/ipv4/tcp_early_retrans && ip route change 10.77.0.0/24 rto_min 1s";
const OURS_PATIENT = ["--sysctl", "net.ipv4.tcp_early_retrans=0", "--sysctl", "net.ipv4.tcp_rto_min_us=1000000"];

async function patient(netns: Netns, device: string, address: string): Promise<void> {
  const script = `${PATIENT} dev ${device} proto kernel scope link src ${address}`;
  expect(await netns.run("sh", ["-c", script])).toMatchObject({ code: 0, stderr: "" });
}

/** Everything that issue 2 lists, in small; and readers on both sides who are too slow, so that windows close. */
const WORKLOAD = `
printf hello | nc -u -w1 ${STACK} 7 &
echo | nc -u -w1 ${STACK} 13 &
nc -u -z ${STACK} 99 &
(head -c ${BYTES} /dev/zero; sleep 1) | nc -N ${STACK} 7 | (sleep 2; wc -c) &
nc -d ${STACK} 19 | (sleep 2; head -c ${BYTES} | wc -c) &
curl -s -o /dev/null http://${STACK}/
curl -s http://${STACK}:81/
printf hello | nc -N ${STACK} 7
nc -d ${STACK} 13
ping -q -c 3 -i 0.2 -s 4000 ${STACK}
for tcp in "" +tcp; do
  dig @${STACK} tapstack. +short $tcp; dig @${STACK} -x ${STACK} +short $tcp
  dig @${STACK} example.com +norecurse $tcp
done
head -c ${BYTES} /dev/zero | nc -N ${STACK} 9
nc -d ${STACK} 19 | head -c ${BYTES} | wc -c
head -c ${BYTES} /dev/zero | nc -N ${STACK} 7 | wc -c
seq 200 | xargs -P ${CURLS} -I{} curl -s -o /dev/null http://${STACK}/
wait
wrk -t 1 -c ${CONNECTIONS} -d ${SECONDS}s http://${STACK}/
sleep 0.5
`;

/** Runs the workload while tcpdump listens on the client's side of the wire. */
async function recorded(lab: Lab, device: string, file: string): Promise<void> {
  const dump = lab.start(["tcpdump", "-i", device, "-n", "-s", "0", "-B", BUFFER, "-w", file, "-Z", "root"]);
  await dump.prints("listening on");
  const { stdout } = await lab.sh(`set +o pipefail; ${WORKLOAD}`, { timeout: TIMEOUT });
  expect(stdout.split("\n").filter((line) => line === `${BYTES}`)).toHaveLength(4);
  expect(stdout).toMatch(/3 received, 0% packet loss[\s\S]*requests in/);
  const { stderr } = await dump.kill("SIGINT");
  expect(stderr).toContain("0 packets dropped by kernel");
}

async function tshark(lab: Lab, file: string, ...words: string[]): Promise<string> {
  const checks = ["ip", "tcp", "udp"].flatMap((name) => ["-o", `${name}.check_checksum:TRUE`]);
  const { code, stdout } = await lab.run(["tshark", "-n", "-r", file, ...checks, ...words], { timeout: TIMEOUT });
  expect(code).toBe(0);
  return stdout;
}

/**
 * The remarks of tshark's experts: severity, protocol, sentence; numbers in it do not matter. Without the one about a
 * TCP checksum of 0xffff instead of 0: Linux writes that, in one frame of 65,536, when it sums in software.
 */
async function remarks(lab: Lab, file: string): Promise<Set<string>> {
  const stdout = await tshark(lab, file, "-q", "-z", "expert");
  const found = new Set<string>();
  let severity = "";
  for (const line of stdout.split("\n")) {
    const head = /^(Errors|Warns|Notes|Chats|Comments) \(\d+\)/.exec(line);
    if (head !== null) severity = head[1] as string;
    const row = /^\s*\d+\s+\S+\s+(\S+)\s+(.*)$/.exec(line);
    if (row !== null && !row[2]?.includes("Checksum 0xffff"))
      found.add(`${severity} ${row[1]}: ${(row[2] as string).replace(/\d+/g, "N").trim()}`);
  }
  return found;
}

describe.skipIf(!HAVE_NETNS)("what tshark's experts say of us, they say of the kernel", () => {
  const folder = mkdtempSync(join(tmpdir(), "tapstack-expert-"));
  const labs: Lab[] = [];
  let servers: Netns | undefined;
  let kernel = new Set<string>();

  beforeAll(async () => {
    const lab = await Lab.open("krn");
    labs.push(lab);
    servers = new Netns("srv");
    lab.netns.ip("link", "add", "v0", "type", "veth", "peer", "name", "v0", "netns", servers.name);
    for (const [netns, address] of [
      [lab.netns, HOST],
      [servers, STACK],
    ] as const) {
      netns.ip("address", "add", `${address}/24`, "dev", "v0");
      netns.ip("link", "set", "v0", "up");
      expect(
        (await netns.run("ethtool", ["-K", "v0", "tx", "off", "tso", "off", "gso", "off", "gro", "off"])).code,
      ).toBe(0);
      await netns.run("sh", ["-c", "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6"]);
      await patient(netns, "v0", address);
    }
    const script = ["--import", "tsx", "test/e2e/scripts/kernel-services.ts"];
    const server = new Background(servers.spawn(process.execPath, script, { stdio: "pipe" }));
    await server.prints("ready");
    const file = join(folder, "kernel.pcap");
    await recorded(lab, "v0", file);
    kernel = await remarks(lab, file);
  }, TIMEOUT);
  afterAll(async () => {
    await servers?.close();
    for (const lab of labs) await lab.close();
    rmSync(folder, { recursive: true, force: true });
  }, TIMEOUT);

  async function compare(words: readonly string[], capture: (lab: Lab) => Promise<string>): Promise<void> {
    const lab = await Lab.open("xpt");
    labs.push(lab);
    const { process } = await lab.up([...words, ...OURS_PATIENT]);
    await patient(lab.netns, "tap0", HOST);
    const file = await capture(lab);
    expect(await process.kill()).toMatchObject({ code: 0, stderr: "" });
    // Linux does, we do not.
    expect(await tshark(lab, file, "-Y", `ip.src == ${STACK} && tcp.checksum == 0xffff`)).toBe("");
    const ours = [...(await remarks(lab, file))];
    expect(ours).toContain("Chats TCP: Connection finish (FIN)");
    expect(ours.filter((remark) => !kernel.has(remark))).toEqual([]);
  }

  it("on the wire, without offload", { timeout: TIMEOUT }, () =>
    compare(["--no-offload"], async (lab) => {
      const file = join(folder, "tap.pcap");
      await recorded(lab, "tap0", file);
      return file;
    }),
  );

  it("in what --capture writes, with offload", { timeout: TIMEOUT }, () => {
    const file = join(folder, "stack.pcapng");
    return compare(["--capture", file], async (lab) => {
      await recorded(lab, "tap0", "/dev/null");
      return file;
    });
  });
});
