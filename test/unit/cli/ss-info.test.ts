import { describe, expect, it } from "vitest";
import { formatSs, type SsOptions } from "../../../src/cli/ss.js";
import { infoText } from "../../../src/cli/ss-info.js";
import type { SocketRow } from "../../../src/observe/listing.js";
import type { EntryDetails } from "../../../src/socket/entries.js";
import { row } from "./rows.js";

const NO_NAMES = { name: (): null => null, port: (text: string): number | null => Number(text) };
/** As the kernel says "none". */
const UNLIMITED = 2 ** 64;

function details(congestion: string, info: Record<string, number>, memory: Partial<EntryDetails> = {}): EntryDetails {
  const empty = { received: 0, receiveBuffer: 131072, queued: 0, sendBuffer: 16384 };
  return { congestion, info, ...empty, ...memory };
}

/** What TCP_INFO said of four of the kernel's sockets when its ss printed what stands in GOLDEN. */
const HANDSHAKE = { options: 7, snd_wscale: 10, rcv_wscale: 10, advmss: 65483, pmtu: 65535 };
const PLAIN = { reordering: 3, snd_ssthresh: 2147483647, max_pacing_rate: UNLIMITED };
const here = "127.0.0.1";
const ROWS: readonly SocketRow[] = [
  row({
    state: "LISTEN",
    sendQ: 5,
    localAddress: here,
    localPort: 5000,
    details: details("cubic", { ...PLAIN, snd_cwnd: 10, snd_ssthresh: 0, sacked: 5, pacing_rate: UNLIMITED }),
  }),
  row({
    recvQ: 128512,
    localAddress: here,
    localPort: 5000,
    remoteAddress: here,
    remotePort: 40001,
    details: details("cubic", {
      ...HANDSHAKE,
      ...PLAIN,
      delivery_rate_app_limited: 1,
      rto: 204000,
      ato: 80000,
      snd_mss: 32768,
      rcv_mss: 47616,
      last_data_sent: 272,
      last_data_recv: 12,
      last_ack_recv: 12,
      rcv_ssthresh: 95232,
      rtt: 24,
      rttvar: 12,
      snd_cwnd: 10,
      rcv_rtt: 29,
      rcv_space: 65483,
      pacing_rate: 27306666666,
      bytes_received: 128512,
      segs_out: 3,
      segs_in: 8,
      min_rtt: 24,
      data_segs_in: 6,
      delivered: 1,
      snd_wnd: 65536,
    }),
  }),
  row({
    sendQ: 2496512,
    localAddress: here,
    localPort: 40001,
    remoteAddress: here,
    remotePort: 5000,
    details: details("cubic", {
      ...HANDSHAKE,
      ...PLAIN,
      rto: 208000,
      snd_mss: 47616,
      rcv_mss: 536,
      last_data_sent: 12,
      last_data_recv: 272,
      last_ack_recv: 12,
      rcv_ssthresh: 65495,
      rtt: 5194,
      rttvar: 10291,
      snd_cwnd: 10,
      rcv_space: 65495,
      total_retrans: 1,
      pacing_rate: 183323547,
      bytes_acked: 128513,
      segs_out: 8,
      segs_in: 4,
      notsent_bytes: 2496512,
      min_rtt: 19,
      data_segs_out: 6,
      delivery_rate: 992000000,
      busy_time: 272000,
      rwnd_limited: 272000,
      delivered: 7,
      bytes_sent: 176128,
      bytes_retrans: 47616,
      dsack_dups: 1,
    }),
  }),
  row({
    recvQ: 3,
    localAddress: here,
    localPort: 40002,
    remoteAddress: here,
    remotePort: 5000,
    details: details("bbr", {
      ...HANDSHAKE,
      ...PLAIN,
      delivery_rate_app_limited: 1,
      rto: 208000,
      ato: 40000,
      snd_mss: 47616,
      rcv_mss: 536,
      last_data_sent: 264,
      last_data_recv: 216,
      last_ack_recv: 216,
      rcv_ssthresh: 65495,
      rtt: 5347,
      rttvar: 10652,
      snd_cwnd: 12,
      rcv_space: 65495,
      pacing_rate: 42531324846,
      bytes_acked: 50001,
      bytes_received: 3,
      segs_out: 5,
      segs_in: 4,
      min_rtt: 22,
      data_segs_in: 1,
      data_segs_out: 2,
      delivery_rate: 457846153,
      busy_time: 44000,
      delivered: 3,
      bytes_sent: 50000,
      snd_wnd: 95232,
      bbr_bw: 457845062,
      bbr_min_rtt: 22,
      bbr_pacing_gain: 739,
      bbr_cwnd_gain: 739,
    }),
  }),
  row({ state: "TIME-WAIT", localAddress: here, localPort: 40003, remoteAddress: here, remotePort: 5000 }),
];

/** ss -tnai of iproute2-6.1.0 on Linux 6.18, without the spaces at the ends of lines. */
const GOLDEN = [
  "State     Recv-Q Send-Q  Local Address:Port  Peer Address:Port Process",
  "LISTEN    0      5           127.0.0.1:5000       0.0.0.0:*",
  "\t cubic cwnd:10",
  "ESTAB     128512 0           127.0.0.1:5000     127.0.0.1:40001",
  "\t cubic wscale:10,10 rto:204 rtt:0.024/0.012 ato:80 mss:32768 pmtu:65535 rcvmss:47616 advmss:65483 cwnd:10 bytes_received:128512 segs_out:3 segs_in:8 data_segs_in:6 send 109226666667bps lastsnd:272 lastrcv:12 lastack:12 pacing_rate 218453333328bps delivered:1 app_limited rcv_rtt:0.029 rcv_space:65483 rcv_ssthresh:95232 minrtt:0.024 snd_wnd:65536",
  "ESTAB     0      2496512     127.0.0.1:40001    127.0.0.1:5000",
  "\t cubic wscale:10,10 rto:208 rtt:5.194/10.291 mss:47616 pmtu:65535 rcvmss:536 advmss:65483 cwnd:10 bytes_sent:176128 bytes_retrans:47616 bytes_acked:128513 segs_out:8 segs_in:4 data_segs_out:6 send 733400077bps lastsnd:12 lastrcv:272 lastack:12 pacing_rate 1466588376bps delivery_rate 7936000000bps delivered:7 busy:272ms rwnd_limited:272ms(100.0%) retrans:0/1 dsack_dups:1 rcv_space:65495 rcv_ssthresh:65495 notsent:2496512 minrtt:0.019",
  "ESTAB     3      0           127.0.0.1:40002    127.0.0.1:5000",
  "\t bbr wscale:10,10 rto:208 rtt:5.347/10.652 ato:40 mss:47616 pmtu:65535 rcvmss:536 advmss:65483 cwnd:12 bytes_sent:50000 bytes_acked:50001 bytes_received:3 segs_out:5 segs_in:4 data_segs_out:2 data_segs_in:1 bbr:(bw:3662760496bps,mrtt:0.022,pacing_gain:2.88672,cwnd_gain:2.88672) send 854897326bps lastsnd:264 lastrcv:216 lastack:216 pacing_rate 340250598768bps delivery_rate 3662769224bps delivered:3 app_limited busy:44ms rcv_space:65495 rcv_ssthresh:65495 minrtt:0.022 snd_wnd:95232",
  "TIME-WAIT 0      0           127.0.0.1:40003    127.0.0.1:5000",
  "",
];

function ss(options: Partial<SsOptions>, rows = ROWS): string[] {
  return formatSs(rows, [], { tcp: true, numeric: true, header: true, ...options }, 1, NO_NAMES, 0).split("\n");
}

const TIMES = { ...HANDSHAKE, ...PLAIN, rto: 201000, rtt: 1200, rttvar: 600, snd_mss: 1448, snd_cwnd: 10 };

describe("ss -i prints what iproute2's ss prints", () => {
  it("in its words and order", () => {
    expect(ss({ all: true, info: true }).map((line) => line.trimEnd())).toEqual([...GOLDEN, ""]);
  });

  it("pads the second line as it pads the last column", () => {
    const lengths = ss({ all: true, info: true }).map((line) => line.length);
    expect(lengths).toEqual([549, 63, 485, 63, 485, 63, 485, 63, 485, 63, 485, 0]);
  });

  it("in one line with -O", () => {
    const lines = ss({ info: true, oneline: true });
    expect(lines).toHaveLength(5);
    expect(lines[1]).toMatch(/40001 cubic wscale:10,10 rto:204 .* snd_wnd:65536 *$/);
  });

  it("with the options' names beside -e and -o only, and rates in units without -n", () => {
    const text = ss({ info: true, extended: true, numeric: false })[2] as string;
    expect(text).toContain("\t ts sack cubic wscale:10,10");
    expect(text).toContain(" send 109Gbps ");
    expect(text).toContain(" pacing_rate 218Gbps ");
    expect(ss({ info: true })[2]).toContain("\t cubic");
  });

  it("shows buffers with -m", () => {
    const [, line] = ss({ memory: true, oneline: true }, [
      row({
        ...ROWS[1],
        details: details("reno", {}, { received: 7, queued: 9 }),
      }),
    ]);
    expect(line?.trimEnd()).toMatch(/40001 skmem:\(r7,rb131072,t0,tb16384,f0,w9,o0,bl0,d0\)$/);
  });

  it.each([
    [{ ...TIMES, options: 63 }, true, " ts sack ecn ecnseen fastopen reno wscale:10,10 rto:201 rtt:1.2/0.6 mss:1448"],
    [{ ...TIMES, rto: 3000000 }, false, " reno wscale:10,10 rtt:1.2/0.6 "],
    [{ ...TIMES, snd_ssthresh: 20 }, false, " cwnd:10 ssthresh:20 send 96533333bps"],
    [{ ...TIMES, max_pacing_rate: 125000, pacing_rate: 100000 }, false, " pacing_rate 800000bps/1000000bps"],
    [{ ...TIMES, min_rtt: 0xffffffff, pacing_rate: UNLIMITED }, false, "send 96533333bps"],
    [{ ...TIMES, busy_time: 9000, sndbuf_limited: 3000 }, false, " busy:9ms sndbuf_limited:3ms(33.3%)"],
    [
      { ...TIMES, unacked: 9, retrans: 1, total_retrans: 4, lost: 2, sacked: 3, reordering: 12, reord_seen: 1 },
      false,
      " unacked:9 retrans:1/4 lost:2 sacked:3 reordering:12 reord_seen:1",
    ],
    [
      { ...TIMES, delivered_ce: 2, rcv_ooopack: 5, snd_wnd: 6, rcv_wnd: 7 },
      false,
      " rcv_ooopack:5 snd_wnd:6 rcv_wnd:7",
    ],
    [{ ...TIMES, backoff: 3, ato: 40000 }, false, " backoff:3 rtt:1.2/0.6 ato:40 mss:1448"],
  ])("part %#", (info, flags, text) => {
    expect(infoText(details("reno", info), flags, true, false)).toContain(text);
  });

  it("says nothing of a listener's backlog as if it were SACKs", () => {
    expect(infoText(details("reno", { ...PLAIN, sacked: 5, unacked: 1 }), false, true, true)).toBe(" reno unacked:1");
  });
});
