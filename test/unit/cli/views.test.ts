import { describe, expect, it } from "vitest";
import { holdersOf } from "../../../src/cli/fuser.js";
import { formatLsof, parseSelection } from "../../../src/cli/lsof.js";
import { NUMERIC } from "../../../src/cli/names.js";
import { parsePorts } from "../../../src/cli/nc.js";
import { formatNetstat, type NetstatOptions } from "../../../src/cli/netstat.js";
import { formatNstat } from "../../../src/cli/nstat.js";
import { formatPong, PingSummary } from "../../../src/cli/ping.js";
import { KERNEL_PID, KERNEL_ROWS, row } from "./rows.js";

describe("netstat prints what net-tools' netstat prints", () => {
  it.each<readonly [string, NetstatOptions, string[]]>([
    [
      "-tan",
      { tcp: true, all: true, numeric: true },
      [
        "Active Internet connections (servers and established)",
        "Proto Recv-Q Send-Q Local Address           Foreign Address         State      ",
        "tcp        0      0 127.0.0.1:18080         0.0.0.0:*               LISTEN     ",
        "tcp        0      0 127.0.0.1:18080         127.0.0.1:34314         ESTABLISHED",
        "tcp        0      0 127.0.0.1:34314         127.0.0.1:18080         ESTABLISHED",
      ],
    ],
    [
      "-tulnp",
      { tcp: true, udp: true, listening: true, numeric: true, programs: true },
      [
        "Active Internet connections (only servers)",
        "Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name    ",
        "tcp        0      0 127.0.0.1:18080         0.0.0.0:*               LISTEN      6204/node           ",
        "udp        0      0 0.0.0.0:18081           0.0.0.0:*                           6204/node           ",
      ],
    ],
    [
      "-tneo",
      { tcp: true, numeric: true, extend: true, timers: true },
      [
        "Active Internet connections (w/o servers)",
        "Proto Recv-Q Send-Q Local Address           Foreign Address         State       User       Inode      Timer",
        "tcp        0      0 127.0.0.1:18080         127.0.0.1:34314         ESTABLISHED 0          11519      off (0.00/0/0)",
        "tcp        0      0 127.0.0.1:34314         127.0.0.1:18080         ESTABLISHED 0          11518      keepalive (4.77/0/0)",
      ],
    ],
  ])("%s", (_, options, text) => {
    expect(formatNetstat(KERNEL_ROWS, options, KERNEL_PID, NUMERIC).split("\n")).toEqual([...text, ""]);
  });

  it("has the kernel's names of states", () => {
    const rows = ["FIN-WAIT-1", "TIME-WAIT", "SYN-RECEIVED", "LAST-ACK"].map((state) => row({ state, remotePort: 1 }));
    const text = formatNetstat(rows, { numeric: true }, 1, NUMERIC);
    expect(text.match(/[A-Z]+_[A-Z0-9]+/g)).toEqual(["FIN_WAIT1", "TIME_WAIT", "SYN_RECV", "LAST_ACK"]);
  });
});

describe("lsof prints what lsof -i prints", () => {
  it("-nP -i", () => {
    expect(formatLsof(KERNEL_ROWS, KERNEL_PID, NUMERIC).split("\n")).toEqual([
      "COMMAND  PID USER   FD   TYPE DEVICE SIZE/OFF NODE NAME",
      "node    6204 root   19u  IPv4  11517      0t0  TCP 127.0.0.1:18080 (LISTEN)",
      "node    6204 root   20u  IPv4  11518      0t0  TCP 127.0.0.1:34314->127.0.0.1:18080 (ESTABLISHED)",
      "node    6204 root   21u  IPv4  11519      0t0  TCP 127.0.0.1:18080->127.0.0.1:34314 (ESTABLISHED)",
      "node    6204 root   22u  IPv4  11520      0t0  UDP *:18081",
      "",
    ]);
  });

  it.each([
    ["", { proto: null, address: null, ports: [] }],
    [":443", { proto: null, address: null, ports: [[443, 443]] }],
    ["tcp", { proto: "tcp", address: null, ports: [] }],
    [
      "UDP:53,1000-2000",
      {
        proto: "udp",
        address: null,
        ports: [
          [53, 53],
          [1000, 2000],
        ],
      },
    ],
    ["tcp@10.77.0.1:80", { proto: "tcp", address: "10.77.0.1", ports: [[80, 80]] }],
  ])("selection %j", (text, expected) => {
    expect(parseSelection(text, NUMERIC)).toEqual(expected);
  });

  it("refuses what is none", () => {
    expect(() => parseSelection("80", NUMERIC)).toThrow(/"80" is no selection/);
    expect(() => parseSelection(":nope", NUMERIC)).toThrow(/"nope" is neither a port/);
  });
});

describe("fuser", () => {
  it("names each process once, the stack's and others'", () => {
    const rows = [...KERNEL_ROWS, row({ localPort: 18080, owner: "nc,pid=77" }), row({ localPort: 18080 })];
    expect(holdersOf(rows, { proto: "tcp", port: 18080 }, KERNEL_PID)).toEqual([
      { pid: 77, name: "nc", uid: 0 },
      { pid: 6204, name: "node", uid: 0 },
    ]);
    expect(holdersOf(rows, { proto: "udp", port: 18080 }, KERNEL_PID)).toEqual([]);
  });
});

describe("nstat", () => {
  const now = { IpInReceives: 10, IpInDelivers: 9, TcpInSegs: 0 };

  it("prints what has changed, in nstat's columns", () => {
    expect(formatNstat(now, { IpInReceives: 4 }, [], false, false)).toBe(
      "#tapstack\n" +
        "IpInReceives                    6                  0.0\n" +
        "IpInDelivers                    9                  0.0\n",
    );
  });

  it("takes patterns, zeros and JSON", () => {
    expect(formatNstat(now, {}, ["IpIn*"], true, true)).toBe('{"tapstack":{"IpInReceives":10,"IpInDelivers":9}}\n');
    expect(formatNstat(now, {}, ["Tcp*"], true, false)).toContain("TcpInSegs ");
    expect(formatNstat(now, {}, ["Tcp*"], false, false)).toBe("#tapstack\n");
    expect(formatNstat(now, {}, ["TcpInSeg?"], true, true)).toContain("TcpInSegs");
  });
});

describe("ping", () => {
  const pong = (seq: number, us: number, duplicate = false) => ({
    seq,
    from: "10.77.0.1",
    bytes: 64,
    ttl: 64,
    us,
    duplicate,
  });

  it("prints answers as iputils does", () => {
    expect(formatPong(pong(1, 45))).toBe("64 bytes from 10.77.0.1: icmp_seq=1 ttl=64 time=0.045 ms");
    expect(formatPong(pong(2, 12_345))).toBe("64 bytes from 10.77.0.1: icmp_seq=2 ttl=64 time=12.3 ms");
    expect(formatPong(pong(3, 1234, true))).toBe("64 bytes from 10.77.0.1: icmp_seq=3 ttl=64 time=1.23 ms (DUP!)");
  });

  it("sums up as iputils does", () => {
    const summary = new PingSummary();
    for (const each of [pong(1, 100), pong(2, 300), pong(2, 400, true)]) summary.add(each);
    expect(summary.format("host", 3, 2003.4)).toBe(
      "\n--- host ping statistics ---\n" +
        "3 packets transmitted, 2 received, +1 duplicates, 33.3333% packet loss, time 2003ms\n" +
        "rtt min/avg/max/mdev = 0.100/0.200/0.300/0.100 ms\n",
    );
    expect(new PingSummary().format("host", 2, 10)).toBe(
      "\n--- host ping statistics ---\n2 packets transmitted, 0 received, 100% packet loss, time 10ms\n",
    );
  });
});

describe("nc's ports", () => {
  it.each([
    ["80", false, [80]],
    ["20-22", true, [20, 21, 22]],
  ])("%s", (word, ranges, expected) => {
    expect(parsePorts(word, ranges)).toEqual(expected);
  });

  it.each([
    ["20-22", false],
    ["22-20", true],
    ["0", false],
    ["65536", false],
  ])("refuses %s", (word, ranges) => {
    expect(() => parsePorts(word, ranges)).toThrow();
  });
});
