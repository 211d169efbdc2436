import { describe, expect, it } from "vitest";
import { NUMERIC } from "../../../src/cli/names.js";
import { formatSs, formatTimer, type SsOptions } from "../../../src/cli/ss.js";
import { KERNEL_PID, KERNEL_ROWS, row } from "./rows.js";

const names = {
  name: (port: number, proto: string): string | null => (port === 80 && proto === "tcp" ? "http" : null),
  port: (text: string): number | null => (text === "http" ? 80 : /^\d+$/.test(text) ? Number(text) : null),
};

/** `-tan state established` and the rest, as commander would read it. */
function ss(flags: string, rows = KERNEL_ROWS, width = 0): string {
  const [letters = "", ...filter] = flags.split(" ");
  const options: SsOptions = {
    tcp: letters.includes("t"),
    udp: letters.includes("u"),
    listening: letters.includes("l"),
    all: letters.includes("a"),
    numeric: letters.includes("n"),
    processes: letters.includes("p"),
    extended: letters.includes("e"),
    options: letters.includes("o"),
    header: !letters.includes("H"),
  };
  return formatSs(rows, filter, options, KERNEL_PID, names, width);
}

/** What ss of iproute2-6.1.0 printed for the same sockets, sorted as we sort. */
const GOLDEN: readonly (readonly [flags: string, text: string[]])[] = [
  [
    "-tan",
    [
      "State  Recv-Q Send-Q Local Address:Port  Peer Address:Port Process",
      "LISTEN 0      511        127.0.0.1:18080      0.0.0.0:*           ",
      "ESTAB  0      0          127.0.0.1:18080    127.0.0.1:34314       ",
      "ESTAB  0      0          127.0.0.1:34314    127.0.0.1:18080       ",
    ],
  ],
  [
    "-tuan",
    [
      "Netid State  Recv-Q Send-Q Local Address:Port  Peer Address:Port Process",
      "udp   UNCONN 0      0            0.0.0.0:18081      0.0.0.0:*           ",
      "tcp   LISTEN 0      511        127.0.0.1:18080      0.0.0.0:*           ",
      "tcp   ESTAB  0      0          127.0.0.1:18080    127.0.0.1:34314       ",
      "tcp   ESTAB  0      0          127.0.0.1:34314    127.0.0.1:18080       ",
    ],
  ],
  [
    "-tnap",
    [
      "State  Recv-Q Send-Q Local Address:Port  Peer Address:Port Process                         ",
      'LISTEN 0      511        127.0.0.1:18080      0.0.0.0:*     users:(("node",pid=6204,fd=19))',
      'ESTAB  0      0          127.0.0.1:18080    127.0.0.1:34314 users:(("node",pid=6204,fd=21))',
      'ESTAB  0      0          127.0.0.1:34314    127.0.0.1:18080 users:(("node",pid=6204,fd=20))',
    ],
  ],
  [
    "-tuln",
    [
      "Netid State  Recv-Q Send-Q Local Address:Port  Peer Address:PortProcess",
      "udp   UNCONN 0      0            0.0.0.0:18081      0.0.0.0:*          ",
      "tcp   LISTEN 0      511        127.0.0.1:18080      0.0.0.0:*          ",
    ],
  ],
  [
    "-tno",
    [
      "State Recv-Q Send-Q Local Address:Port  Peer Address:Port Process                     ",
      "ESTAB 0      0          127.0.0.1:18080    127.0.0.1:34314                            ",
      "ESTAB 0      0          127.0.0.1:34314    127.0.0.1:18080 timer:(keepalive,4.772ms,0)",
    ],
  ],
  [
    "-tnH",
    ["ESTAB 0      0      127.0.0.1:18080 127.0.0.1:34314", "ESTAB 0      0      127.0.0.1:34314 127.0.0.1:18080"],
  ],
  [
    "-tan state established",
    [
      "Recv-Q Send-Q Local Address:Port  Peer Address:Port Process",
      "0      0          127.0.0.1:18080    127.0.0.1:34314       ",
      "0      0          127.0.0.1:34314    127.0.0.1:18080       ",
    ],
  ],
  [
    "-tuan state established",
    [
      "Netid Recv-Q Send-Q Local Address:Port  Peer Address:Port Process",
      "tcp   0      0          127.0.0.1:18080    127.0.0.1:34314       ",
      "tcp   0      0          127.0.0.1:34314    127.0.0.1:18080       ",
    ],
  ],
  [
    "-tn state listening",
    [
      "Recv-Q Send-Q Local Address:Port  Peer Address:PortProcess",
      "0      511        127.0.0.1:18080      0.0.0.0:*          ",
    ],
  ],
];

describe("ss prints what iproute2's ss prints", () => {
  it.each(GOLDEN)("%s", (flags, text) => {
    expect(ss(flags).split("\n")).toEqual([...text, ""]);
  });

  it("-tane, without its cgroups", () => {
    const [, listen, , client] = ss("-tane").split("\n");
    expect(listen).toContain("0.0.0.0:*     ino:11517 sk:2cfd <->");
    expect(client).toContain("127.0.0.1:18080 timer:(keepalive,4.772ms,0) ino:11518 sk:2cfe <->");
  });

  it.each([
    [
      60,
      [
        "State  Recv-Q Send-Q Local Address:Port  Peer Address:Port  Process                                                     ",
        "LISTEN 0      511        127.0.0.1:18080      0.0.0.0:*                                                                 ",
      ],
    ],
    [
      120,
      [
        "State        Recv-Q       Send-Q               Local Address:Port                Peer Address:Port        Process       ",
        "LISTEN       0            511                      127.0.0.1:18080                    0.0.0.0:*                         ",
      ],
    ],
  ])("on a terminal of %i columns", (width, text) => {
    expect(ss("-tan", KERNEL_ROWS, width).split("\n").slice(0, 2)).toEqual(text);
  });

  it.each([
    [0, ""],
    [45, "045ms"],
    [4772, "4.772ms"],
    [5000, "5sec"],
    [54_800, "54sec"],
    [61_500, "1min1sec"],
    [75_000, "1min15sec"],
    [600_500, "10min"],
  ])("%i ms as %j", (ms, text) => {
    expect(formatTimer(ms)).toBe(text);
  });
});

describe("the filter", () => {
  const rows = [
    row({ state: "LISTEN", localPort: 80 }),
    row({ localAddress: "10.77.0.2", localPort: 80, remoteAddress: "10.77.0.1", remotePort: 40001 }),
    row({ localAddress: "10.77.0.2", localPort: 443, remoteAddress: "10.78.0.1", remotePort: 40002 }),
    row({
      state: "TIME-WAIT",
      localAddress: "10.77.0.2",
      localPort: 80,
      remoteAddress: "10.77.0.1",
      remotePort: 40003,
    }),
    row({ state: "SYN-SENT", localAddress: "10.77.0.2", localPort: 50000, remoteAddress: "10.77.0.1", remotePort: 22 }),
    row({
      state: "FIN-WAIT-1",
      localAddress: "127.0.0.1",
      localPort: 7,
      remoteAddress: "127.0.0.1",
      remotePort: 40004,
    }),
  ];

  /** The rows that pass, by their place above. */
  function pass(flags: string): string {
    const printed = ss(flags, rows).split("\n").slice(1, -1);
    const keys = printed.map((line) => line.replace(/\s+/g, " "));
    return rows
      .map((r, i) => ({ i, key: `${r.localAddress}:${r.localPort} ${r.remoteAddress}:${r.remotePort || "*"}` }))
      .filter(({ key }) => keys.some((line) => line.includes(key)))
      .map(({ i }) => i)
      .join("");
  }

  it.each([
    ["-tn", "1245"],
    ["-tan", "012345"],
    ["-tln", "0"],
    ["-tn state connected", "12345"],
    ["-tn state synchronized", "1235"],
    ["-tn state time-wait", "3"],
    ["-tn state bucket", "3"],
    ["-tn state syn-sent state fin-wait-1", "45"],
    ["-tn exclude listening exclude established", "345"],
    ["-tan sport = :80", "013"],
    ["-tan sport == 80", "013"],
    ["-tan sport :http", "013"],
    ["-tan sport != :80", "245"],
    ["-tan sport > :443", "4"],
    ["-tan dport >= :40002 and dport < :40004", "23"],
    ["-tan ( sport = :80 or sport = :443 ) and dst 10.77.0.0/24", "13"],
    ["-tan not ( sport = :80 or sport = :443 )", "45"],
    ["-tan !(sport=:80)", "245"],
    ["-tan dst 10.77.0.1", "134"],
    ["-tan dst 10.77.0.1:22", "4"],
    ["-tan dst != 10.77.0.1", "025"],
    ["-tan src 127.0.0.0/8", "5"],
    ["-tan src :80", "013"],
    ["-tan sport = :80 dport = :40001", "1"],
    ["-tan state all sport = :80 or sport = :7", "0135"],
  ])("%s", (flags, expected) => {
    expect(pass(flags)).toBe(expected);
  });

  it.each([
    ["-tn state closing-time", /"closing-time" is no state; choose from established/],
    ["-tn sport = :nope", /"nope" is neither a port nor a service's name/],
    ["-tn sport = :99999", /neither a port/],
    ["-tn dst 10.77.0.999", /"10.77.0.999" is no address/],
    ["-tn ( sport = :80", /"\(" without a "\)"/],
    ["-tn sport = :80 or", /goes wrong at "its end"/],
    ["-tn bogus", /goes wrong at "bogus"/],
    ["-tn sport = :80 )", /goes wrong at "\)"/],
  ])("%s is refused", (flags, sentence) => {
    expect(() => ss(flags)).toThrow(sentence);
  });

  it("has names of services unless told not to", () => {
    expect(ss("-ta", rows)).toContain("10.77.0.2:http ");
    expect(ss("-tan", rows)).not.toContain("http");
    expect(NUMERIC.name(80, "tcp")).toBeNull();
  });
});
