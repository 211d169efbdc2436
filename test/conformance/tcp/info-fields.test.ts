import { describe, expect } from "vitest";
import { type Script, scripted } from "../harness.js";

/*
 * TCP_INFO at each step of an exchange, as Linux 6.18 told it when a script behind a TUN device played the same
 * segments to it (CUBIC, a round trip of 50 ms). What depends on the kernel's own timing is left out, or is exact here.
 */

const MSS = 1460;
/** The kernel's own, from which its window scale comes. */
const OPTIONS = {
  config: { "net.ipv4.tcp_rmem": [4096, 131072, 33554432], "net.ipv4.tcp_congestion_control": "cubic" },
  linux: "recorded from Linux 6.18; its times are exact here",
};
const SYN_ACK = "<mss 1460,nop,nop,sackOK,nop,wscale 7>";

function tells(t: Script, fields: Record<string, number>): void {
  expect(t.socket.info()).toMatchObject(fields);
}

function open(t: Script, win = 65535): void {
  t.active(`win ${win} ${SYN_ACK}`, {}, 0.05);
}

describe("TCP_INFO follows the kernel", () => {
  scripted(
    "through the handshake",
    (t) => {
      t.connect(80);
      tells(t, { state: 2, options: 0, snd_wscale: 0, rto: 1_000_000, snd_mss: 524, rcv_mss: 88, unacked: 1 });
      tells(t, { pmtu: 1500, rcv_ssthresh: 64240, snd_cwnd: 10, advmss: 1460, rcv_space: 0, bytes_acked: 0 });
      tells(t, { segs_out: 1, segs_in: 0, delivered: 0, snd_wnd: 0, rcv_wnd: 64240, min_rtt: 4294967295 });
      tells(t, { delivery_rate_app_limited: 1, snd_ssthresh: 2147483647, rttvar: 250000, notsent_bytes: 0 });
      t.play(`> S 0:0(0)
        +0.05 < S. 0:0(0) ack 1 win 65535 ${SYN_ACK}
        > . 1:1(0) ack 1`);
      tells(t, { state: 1, options: 6, snd_wscale: 7, rcv_wscale: 10, snd_mss: MSS, rcv_mss: 536, unacked: 0 });
      tells(t, { rcv_space: 14600, bytes_acked: 1, segs_out: 2, segs_in: 1, delivered: 1, snd_wnd: 65535 });
      tells(t, { rcv_ssthresh: 64076, rcv_wnd: 64512, rtt: 50000, rttvar: 25000, min_rtt: 50000 });
      // The segment size of the first rate is that of the SYN's options
      tells(t, { pacing_rate: (2 * 10 * 1448) / 0.05 });
      tells(t, { data_segs_out: 0, bytes_sent: 0, busy_time: 0, delivery_rate: 0, delivery_rate_app_limited: 1 });
    },
    OPTIONS,
  );

  scripted(
    "through a loss that SACKs repair",
    (t) => {
      open(t);
      t.write(10 * MSS);
      t.skip(0.02);
      tells(t, { unacked: 10, segs_out: 12, data_segs_out: 10, busy_time: 20000, bytes_sent: 14600, notsent_bytes: 0 });
      t.play("+0.03 < . 1:1(0) ack 1 win 1000 <sack 1461:2921>");
      t.skip(0.05);
      tells(t, { ca_state: 3, sacked: 1, lost: 1, retrans: 1, snd_ssthresh: 7, snd_cwnd: 9, total_retrans: 1 });
      tells(t, { segs_out: 13, segs_in: 2, data_segs_out: 11, delivered: 2, bytes_sent: 16060, bytes_retrans: 1460 });
      t.play("< . 1:1(0) ack 1 win 1000 <sack 1461:4381>");
      tells(t, { sacked: 2, segs_in: 3, delivered: 3, busy_time: 100000 });
      t.play("< . 1:1(0) ack 1 win 1000 <sack 1461:5841>");
      tells(t, { sacked: 3, snd_cwnd: 7, segs_in: 4, delivered: 4 });
      t.play("+0.01 < . 1:1(0) ack 14601 win 1000");
      tells(t, { ca_state: 0, unacked: 0, sacked: 0, lost: 0, retrans: 0, snd_cwnd: 8, bytes_acked: 14601 });
      tells(t, { segs_in: 5, delivered: 11, delivery_rate_app_limited: 0, busy_time: 110000, reordering: 3 });
      t.quiet(1);
      tells(t, { busy_time: 110000, rwnd_limited: 0, sndbuf_limited: 0 });
    },
    OPTIONS,
  );

  scripted(
    "of what is received, out of order too, and of the FINs",
    (t) => {
      open(t);
      t.play("< P. 1:1001(1000) ack 1 win 1000");
      tells(t, { rcv_mss: 1000, bytes_received: 1000, data_segs_in: 1, segs_in: 2, ato: 40000 });
      t.skip(0.1);
      t.play("< P. 2001:3001(1000) ack 1 win 1000");
      tells(t, { bytes_received: 1000, data_segs_in: 2, rcv_ooopack: 1 });
      t.skip(0.1);
      t.play("< P. 1001:2001(1000) ack 1 win 1000");
      tells(t, { bytes_received: 3000, data_segs_in: 3, rcv_ooopack: 1, last_data_recv: 0 });
      t.skip(0.1);
      t.play("< F. 3001:3001(0) ack 1 win 1000");
      tells(t, { state: 8, bytes_received: 3001, segs_in: 5, data_segs_in: 3, last_data_recv: 100 });
      t.shutdown();
      tells(t, { state: 9, unacked: 1 });
      t.skip(0.1);
      t.play("< . 3002:3002(0) ack 2 win 1000");
      tells(t, { state: 7, unacked: 0, bytes_acked: 2, delivered: 2 });
      t.takeAll();
    },
    OPTIONS,
  );

  scripted(
    "through timeouts",
    (t) => {
      open(t);
      t.write(2 * MSS);
      t.skip(1.5);
      tells(t, {
        ca_state: 4,
        retransmits: 2,
        backoff: 2,
        unacked: 2,
        lost: 2,
        retrans: 1,
        snd_ssthresh: 7,
        snd_cwnd: 1,
      });
      tells(t, { total_retrans: 3, segs_out: 7, data_segs_out: 5, bytes_sent: 7300, bytes_retrans: 4380 });
      tells(t, { total_rto: 2, total_rto_recoveries: 1, busy_time: 1500000 });
      t.play("< . 1:1(0) ack 1461 win 1000");
      tells(t, { retransmits: 0, unacked: 1, lost: 1, snd_cwnd: 2, total_retrans: 4, bytes_acked: 1461, delivered: 2 });
      const spent = t.info("total_rto_time");
      t.skip(0.05);
      t.play("< . 1:1(0) ack 2921 win 1000");
      tells(t, { ca_state: 0, unacked: 0, lost: 0, retrans: 0, snd_cwnd: 3, bytes_acked: 2921, delivered: 3 });
      tells(t, { total_rto: 2, total_rto_recoveries: 1, total_rto_time: spent + 50 });
      t.skip(1);
      tells(t, { total_rto_time: spent + 50 });
      t.takeAll();
    },
    OPTIONS,
  );

  scripted(
    "of a sender that the peer's window holds back",
    (t) => {
      open(t, 3 * MSS);
      t.write(5 * MSS);
      t.skip(0.05);
      tells(t, { unacked: 3, notsent_bytes: 2920, data_segs_out: 3, busy_time: 50000, rwnd_limited: 50000 });
      t.play("< . 1:1(0) ack 4381 win 0");
      tells(t, { unacked: 0, bytes_acked: 4381, delivered: 4, snd_wnd: 0, probes: 0 });
      t.skip(1.5);
      tells(t, { probes: 2, backoff: 2, segs_out: 7, busy_time: 1550000, rwnd_limited: 1550000 });
      t.play("< . 1:1(0) ack 4381 win 1000");
      tells(t, { probes: 0, backoff: 0, unacked: 2, notsent_bytes: 0, data_segs_out: 5, snd_wnd: 128000 });
      t.skip(0.05);
      t.play("< . 1:1(0) ack 7301 win 1000");
      tells(t, { unacked: 0, bytes_acked: 7301, busy_time: 1600000, rwnd_limited: 1550000 });
      t.takeAll();
    },
    OPTIONS,
  );

  scripted(
    "of data that a cork, or Nagle, holds",
    (t) => {
      open(t);
      t.set("TCP_CORK", 1);
      t.write(100);
      t.skip(0.1);
      tells(t, { notsent_bytes: 100, unacked: 0, busy_time: 100000, rwnd_limited: 0 });
      t.skip(0.3);
      tells(t, { notsent_bytes: 0, unacked: 1, data_segs_out: 1, busy_time: 400000 });
      t.play("< . 1:1(0) ack 101 win 1000");
      t.set("TCP_CORK", 0);
      t.write(100);
      t.write(100);
      t.skip(0.1);
      tells(t, { notsent_bytes: 100, unacked: 1, busy_time: 500000 });
      t.takeAll();
    },
    OPTIONS,
  );

  scripted(
    "of a passive open with timestamps and ECN",
    (t) => {
      t.listen();
      t.play("< SEW 0:0(0) win 65535 <mss 1460,sackOK,TS val 1000 ecr 0,nop,wscale 7>");
      t.skip(0.05);
      t.play("< . 1:1(0) ack 1 win 1000 <nop,nop,TS val 1050 ecr 0>");
      t.accept();
      tells(t, { state: 1, options: 15, snd_wscale: 7, rcv_wscale: 10, snd_mss: 1448, rcv_mss: 536, advmss: 1448 });
      tells(t, { rcv_ssthresh: 64088, rcv_space: 14480, snd_wnd: 128000, rcv_wnd: 65160, bytes_acked: 0 });
      tells(t, { segs_out: 0, segs_in: 2, delivered: 1, rtt: 50000, pacing_rate: (2 * 10 * 1448) / 0.05 });
      t.write(3000);
      t.skip(0.05);
      tells(t, { unacked: 3, segs_out: 3, data_segs_out: 3, bytes_sent: 3000, rcv_wnd: 65536 });
      t.play("< E. 1:1(0) ack 3001 win 1000 <nop,nop,TS val 1100 ecr 50>");
      tells(t, { ca_state: 2, unacked: 0, snd_ssthresh: 7, snd_cwnd: 4, bytes_acked: 3000, segs_in: 3 });
      tells(t, { delivered: 4, delivered_ce: 3 });
    },
    { ...OPTIONS, config: { ...OPTIONS.config, "net.ipv4.tcp_ecn": 1 } },
  );

  scripted("of a listener: its queue, and its backlog", (t) => {
    t.listen(80, 5);
    t.handshake();
    expect(t.listener.info()).toMatchObject({ state: 10, unacked: 1, sacked: 5, snd_cwnd: 10, rto: 0, snd_mss: 0 });
    t.accept();
    expect(t.listener.info().unacked).toBe(0);
    tells(t, { state: 1, bytes_acked: 0, segs_in: 2, segs_out: 0, delivered: 1 });
  });
});
