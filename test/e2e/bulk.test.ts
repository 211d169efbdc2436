// Much data, many connections: everything arrives, whole, and nobody is turned away. How fast is not asked here.
// TAPSTACK_FULL=1 moves 1 GiB and lets wrk run for 10 s; `npm test` an eighth of it and 3 s.
import { createCipheriv, createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HOST, Lab, STACK, until } from "./helpers/lab.js";
import { HAVE_NETNS } from "./netns.js";

const FULL = process.env.TAPSTACK_FULL === "1";
const MIB = 1 << 20;
const SIZE = FULL ? 1024 * MIB : 128 * MIB;
const SECONDS = FULL ? 10 : 3;
/** What goes through programs that are slower than the stack. */
const PART = SIZE / 4;
const TIMEOUT = FULL ? 300_000 : 120_000;

/** The first bytes of what chargen sends, made as RFC 864 tells it: 95 lines of 72 of the 95 characters, in a ring. */
function chargenHash(bytes: number): string {
  const ring = String.fromCharCode(...Array.from({ length: 95 }, (_, i) => 32 + i));
  const lines = Array.from({ length: 95 }, (_, i) => `${(ring + ring).slice(i, i + 72)}\r\n`);
  const period = Buffer.from(lines.join(""));
  const block = Buffer.concat(Array<Buffer>(100).fill(period));
  const hash = createHash("sha256");
  let left = bytes;
  for (; left >= block.length; left -= block.length) hash.update(block);
  return hash.update(block.subarray(0, left)).digest("hex");
}

/** A command that writes bytes that repeat nowhere: AES in counter mode over zeros. */
function noise(bytes: number): string {
  const script = [
    'const c = require("crypto").createCipheriv("aes-128-ctr", Buffer.alloc(16, 7), Buffer.alloc(16));',
    "const zeros = Buffer.alloc(1 << 20);",
    `for (let left = ${bytes}; left > 0; left -= zeros.length)`,
    '  require("fs").writeSync(1, c.update(zeros.subarray(0, left)));',
  ];
  return `${process.execPath} -e '${script.join(" ")}'`;
}

function noiseHash(bytes: number): string {
  const cipher = createCipheriv("aes-128-ctr", Buffer.alloc(16, 7), Buffer.alloc(16));
  const hash = createHash("sha256");
  const zeros = Buffer.alloc(MIB);
  for (let left = bytes; left > 0; left -= MIB) hash.update(cipher.update(zeros.subarray(0, left)));
  return hash.digest("hex");
}

const PART_HASH = HAVE_NETNS ? noiseHash(PART) : "";
const TAPSTACK = `${process.execPath} dist/cli/main.js`;

const COMBINATIONS: readonly (readonly [title: string, words: readonly string[]])[] = [
  ["MTU 1500", ["--mtu", "1500"]],
  ["MTU 1500, no offload", ["--mtu", "1500", "--no-offload"]],
  ["MTU 9000", ["--mtu", "9000"]],
  ["MTU 9000, no offload", ["--mtu", "9000", "--no-offload"]],
];

for (const [title, words] of COMBINATIONS)
  describe.skipIf(!HAVE_NETNS)(`${SIZE / MIB} MiB at ${title}`, { timeout: TIMEOUT }, () => {
    let lab: Lab;
    beforeAll(async () => {
      lab = await Lab.open("bulk");
      await lab.up(words);
    }, TIMEOUT);
    afterAll(() => lab?.close(), TIMEOUT);

    /** Runs a script that must succeed; prints how fast it went when figures are wanted. @returns its words */
    async function move(what: string, script: string, bytes: number): Promise<string[]> {
      const start = performance.now();
      const { code, stdout, stderr } = await lab.sh(script, { timeout: TIMEOUT });
      const seconds = (performance.now() - start) / 1000;
      if (FULL)
        console.log(`${title}: ${what}: ${seconds.toFixed(1)} s, ${((bytes * 8e-9) / seconds).toFixed(2)} Gbit/s`);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      return stdout.trim().split(/\s+/);
    }

    it("are taken by discard, every byte", async () => {
      const before = await lab.counters();
      await move("into discard", `head -c ${SIZE} /dev/zero | nc -N ${STACK} 9`, SIZE);
      const after = await lab.counters();
      const grown = (name: string): number => (after[name] as number) - (before[name] as number);
      // nc ended well, so its FIN, and with it every byte before, was acknowledged. The octets of IP packets say the
      // same: each has 20 bytes of IP header and 20 to 60 of TCP's.
      const packets = grown("IpInReceives");
      const octets = grown("IpExtInOctets");
      expect(octets - 40 * packets).toBeGreaterThanOrEqual(SIZE);
      expect(octets - 80 * packets).toBeLessThanOrEqual(SIZE);
      expect(grown("TcpPassiveOpens")).toBe(1);
      expect(grown("TcpInErrs") + grown("TcpInCsumErrors") + grown("TcpExtTCPRcvQDrop")).toBe(0);
    });

    it("come from chargen, every byte in its place", async () => {
      // nc dies of the closed pipe, which is no failure here.
      const script = `set +o pipefail; nc -d ${STACK} 19 | head -c ${SIZE} | sha256sum`;
      expect((await move("from chargen", script, SIZE))[0]).toBe(chargenHash(SIZE));
    });

    it("come back from echo as they were sent", async () => {
      const script = `${noise(PART)} | nc -N ${STACK} 7 | sha256sum`;
      expect((await move("through echo", script, PART))[0]).toBe(PART_HASH);
    });

    it("arrive in the stack as they were sent", async () => {
      const sink = lab.start(["bash", "-c", `${TAPSTACK} nc -v -l 6001 </dev/null | sha256sum`]);
      await sink.prints("Listening");
      await move("into tapstack nc -l", `${noise(PART)} | nc -N ${STACK} 6001`, PART);
      expect((await sink.ended).stdout.split(" ")[0]).toBe(PART_HASH);
    });

    it("arrive at the host as the stack sent them", async () => {
      const sink = lab.start(["bash", "-c", `nc -n -v -l ${HOST} 6002 </dev/null | sha256sum`]);
      await sink.prints("Listening");
      await move("out of tapstack nc", `${noise(PART)} | ${TAPSTACK} nc -N ${HOST} 6002`, PART);
      expect((await sink.ended).stdout.split(" ")[0]).toBe(PART_HASH);
    });

    it("come and go at the same time, on several connections", async () => {
      const size = SIZE / 16;
      const script = [
        `for i in 1 2 3 4; do (head -c ${size} /dev/zero | nc -N ${STACK} 9; echo in $?) & done`,
        `for i in 1 2 3 4; do (set +o pipefail; nc -d ${STACK} 19 | head -c ${size} | sha256sum) & done; wait`,
      ];
      const lines = (await lab.sh(script.join("\n"), { timeout: TIMEOUT })).stdout.trim().split("\n").sort();
      const hash = chargenHash(size);
      expect(lines).toEqual([...Array(4).fill(`${hash}  -`), ...Array(4).fill("in 0")].sort());
    });
  });

describe.skipIf(!HAVE_NETNS)("many connections", { timeout: TIMEOUT }, () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await Lab.open("many");
    await lab.up(["--services", "echo,http,http-raw=8080"]);
  }, TIMEOUT);
  afterAll(() => lab?.close(), TIMEOUT);

  /** Waits until no connection is left but those in TIME-WAIT. */
  async function quiet(): Promise<void> {
    await until("the end of all connections", async () => {
      const { stdout } = await lab.tapstack(["ss", "-tanH"]);
      return !/^(?!LISTEN|TIME-WAIT)\S/m.test(stdout);
    });
  }

  it("200 parallel curls all succeed", async () => {
    const curl = `curl -s -o /dev/null -w '%{http_code}\\n' --max-time 60 http://${STACK}/`;
    const { code, stdout } = await lab.sh(`seq 200 | xargs -P 200 -I{} ${curl}`, { timeout: TIMEOUT });
    expect(stdout.trim().split("\n")).toEqual(Array(200).fill("200"));
    expect(code).toBe(0);
    await quiet();
    const counters = await lab.counters();
    expect(counters.TcpPassiveOpens).toBe(200);
    expect(counters.TcpExtListenDrops).toBe(0);
  });

  it.each([
    ["http", 80],
    ["http-raw", 8080],
  ])("wrk with 64 keep-alive connections sees no error: %s", async (name, port) => {
    const wrk = `wrk -t 2 -c 64 -d ${SECONDS}s --timeout 10s --latency http://${STACK}:${port}/`;
    const { code, stdout } = await lab.sh(wrk, { timeout: TIMEOUT });
    if (FULL) console.log(`${name}: ${stdout}`);
    expect(code).toBe(0);
    expect(Number(/(\d+) requests in/.exec(stdout)?.[1])).toBeGreaterThan(64);
    expect(stdout).not.toMatch(/Socket errors|Non-2xx/);
    await quiet();
  });
});
