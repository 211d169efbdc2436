import { TS_SPACE } from "../wire/tcp.js";
import { deliveryRate } from "./acknowledged/rate.js";
import { CHRONO_BUSY, CHRONO_RWND, CHRONO_SNDBUF, chronoTime } from "./chrono.js";
import type { Connection } from "./connection.js";
import { DELACK_MAX, ECN_ACC, ECN_OK, ECN_SEEN, LISTEN, MIN_RTT_NONE, SYN_RECEIVED } from "./constants.js";
import type { AccEcn } from "./ecn/accecn.js";
import type { Listener } from "./opening/listen.js";
import { offered } from "./receiving/window.js";

/** TCPI_OPT_* of Linux's tcp.h: bits of {@link TcpInfo.options}. */
const OPTION_TIMESTAMPS = 1;
const OPTION_SACK = 2;
const OPTION_WSCALE = 4;
const OPTION_ECN = 8;
const OPTION_ECN_SEEN = 16;
const OPTION_SYN_DATA = 32;
const OPTION_TFO_CHILD = 128;

/** Of 32 bits: no round trip has been measured. */
const MIN_RTT_UNKNOWN = 0xffff_ffff;

/** TCP_INFO's fields, which those of an algorithm join; what a connection does not have is 0. */
export type TcpInfo = Readonly<Record<string, number>>;

/** As the kernel begins, with a struct of zeros. */
const ZERO: TcpInfo = {
  ca_state: 0,
  retransmits: 0,
  probes: 0,
  backoff: 0,
  options: 0,
  snd_wscale: 0,
  rcv_wscale: 0,
  delivery_rate_app_limited: 0,
  fastopen_client_fail: 0,
  rto: 0,
  ato: 0,
  snd_mss: 0,
  rcv_mss: 0,
  unacked: 0,
  sacked: 0,
  lost: 0,
  retrans: 0,
  fackets: 0,
  last_data_sent: 0,
  last_ack_sent: 0,
  last_data_recv: 0,
  last_ack_recv: 0,
  pmtu: 0,
  rcv_ssthresh: 0,
  rtt: 0,
  rttvar: 0,
  snd_ssthresh: 0,
  snd_cwnd: 0,
  advmss: 0,
  reordering: 0,
  rcv_rtt: 0,
  rcv_space: 0,
  total_retrans: 0,
  pacing_rate: 0,
  max_pacing_rate: 0,
  bytes_acked: 0,
  bytes_received: 0,
  segs_out: 0,
  segs_in: 0,
  notsent_bytes: 0,
  min_rtt: 0,
  data_segs_in: 0,
  data_segs_out: 0,
  delivery_rate: 0,
  busy_time: 0,
  rwnd_limited: 0,
  sndbuf_limited: 0,
  delivered: 0,
  delivered_ce: 0,
  bytes_sent: 0,
  bytes_retrans: 0,
  dsack_dups: 0,
  reord_seen: 0,
  rcv_ooopack: 0,
  snd_wnd: 0,
  rcv_wnd: 0,
  rehash: 0,
  total_rto: 0,
  total_rto_recoveries: 0,
  total_rto_time: 0,
  received_ce: 0,
  delivered_e1_bytes: 0,
  delivered_e0_bytes: 0,
  delivered_ce_bytes: 0,
  received_e1_bytes: 0,
  received_e0_bytes: 0,
  received_ce_bytes: 0,
  accecn_fail_mode: 0,
  accecn_opt_seen: 0,
};

/**
 * What TCP knows of a connection under the names of Linux's struct tcp_info, by the formulas of its tcp_get_info():
 * counts in segments, times in microseconds (`last_*` and `total_rto_time` in milliseconds), sizes in bytes, rates in
 * bytes per second.
 */
export function connectionInfo(c: Connection): TcpInfo {
  return {
    ...ZERO,
    ...always(c),
    state: c.state,
    ...opening(c),
    ...sending(c),
    ...timing(c),
    ...receiving(c),
    ...counts(c),
    ...(c.accecn === null ? null : marks(c.accecn)),
    ...(c.ca === null ? null : c.congestion.info?.(c)),
  };
}

/** A listener says little: its accept queue and backlog stand in `unacked` and `sacked`. */
export function listenerInfo(listener: Listener): TcpInfo {
  const { template, queue, backlog } = listener;
  return { ...ZERO, ...always(template), state: LISTEN, unacked: queue.length, sacked: backlog };
}

/** What is reported in every state. */
function always(c: Connection): TcpInfo {
  return {
    pacing_rate: c.pacingRate > 0 ? c.pacingRate : c.maxPacingRate,
    max_pacing_rate: c.maxPacingRate,
    reordering: c.reordering,
    snd_cwnd: c.cwnd,
  };
}

/** What the handshake agreed on, and what is known of the path. */
function opening(c: Connection): TcpInfo {
  const { route } = c;
  return {
    ...((c.irs | c.rcvNxt) === 0 ? null : agreed(c)),
    // Linux takes the timestamps off what was offered when the handshake is complete
    advmss: route === null ? 0 : c.advMss - (c.tsOk && c.state !== SYN_RECEIVED ? TS_SPACE : 0),
    rcv_mss: route === null ? 0 : c.rcvMss,
    pmtu: route === null ? 0 : route.mtu,
  };
}

/** The peer's SYN has come: until then the same fields say what ours offers. */
function agreed(c: Connection): TcpInfo {
  const scaled = c.scaleOffer >= 0;
  return {
    options:
      (c.tsOk ? OPTION_TIMESTAMPS : 0) |
      (c.sackOk ? OPTION_SACK : 0) |
      (scaled ? OPTION_WSCALE : 0) |
      ((c.ecn & (ECN_OK | ECN_ACC)) !== 0 ? OPTION_ECN : 0) |
      ((c.ecn & ECN_SEEN) !== 0 ? OPTION_ECN_SEEN : 0) |
      (c.synDataAcked ? OPTION_SYN_DATA : 0) |
      (c.fastOpen?.child === true ? OPTION_TFO_CHILD : 0),
    snd_wscale: scaled ? c.sndWscale : 0,
    rcv_wscale: scaled ? c.rcvWscale : 0,
  };
}

function sending(c: Connection): TcpInfo {
  return {
    ca_state: c.caState,
    retransmits: c.retransmits,
    // Linux counts both kinds of probe in one
    probes: c.probes + c.keepProbes,
    backoff: c.backoff,
    snd_mss: c.mss,
    unacked: c.packetsOut,
    sacked: c.sackedOut,
    lost: c.lostOut,
    retrans: c.retransOut,
    snd_ssthresh: c.ssthresh,
    snd_wnd: c.sndWnd,
    notsent_bytes: notSent(c),
    delivered: c.delivered,
    delivered_ce: c.deliveredCe,
    delivery_rate: deliveryRate(c),
    delivery_rate_app_limited: c.rateAppLimited ? 1 : 0,
    reord_seen: c.reordSeen,
    busy_time: chronoTime(c, CHRONO_BUSY) + chronoTime(c, CHRONO_RWND) + chronoTime(c, CHRONO_SNDBUF),
    rwnd_limited: chronoTime(c, CHRONO_RWND),
    sndbuf_limited: chronoTime(c, CHRONO_SNDBUF),
  };
}

/** Linux's write_seq - snd_nxt: queued and never sent, a FIN included. */
export function notSent(c: Connection): number {
  if (c.finSent) return 0;
  const unsent = ((c.writeSeq - c.sndNxt) | 0) + (c.finQueued ? 1 : 0);
  return unsent > 0 ? unsent : 0;
}

function timing(c: Connection): TcpInfo {
  const { ms } = c.tcp.time;
  return {
    rto: c.rto * 1000,
    ato: Math.min(c.ato, DELACK_MAX) * 1000,
    rtt: c.srtt >> 3,
    rttvar: c.mdev >> 2,
    min_rtt: c.minRtt === MIN_RTT_NONE ? MIN_RTT_UNKNOWN : c.minRtt,
    last_data_sent: (ms - c.lastSend) >>> 0,
    last_data_recv: (ms - c.lastReceive) >>> 0,
    last_ack_recv: (ms - c.lastAck) >>> 0,
    total_rto: c.totalRto,
    total_rto_recoveries: c.totalRtoRecoveries,
    total_rto_time: c.totalRtoTime + (c.rtoStamp === 0 ? 0 : (ms - c.rtoStamp) >>> 0),
  };
}

function receiving(c: Connection): TcpInfo {
  return {
    rcv_ssthresh: c.rcvSsthresh,
    rcv_rtt: c.rcvRtt >> 3,
    rcv_space: c.rcvSpace,
    // What was offered last, whatever of it has come since
    rcv_wnd: offered(c),
    rcv_ooopack: c.rcvOooPack,
  };
}

function marks(a: AccEcn): TcpInfo {
  return {
    received_ce: a.receivedCe,
    delivered_e1_bytes: a.deliveredE1 >>> 0,
    delivered_e0_bytes: a.deliveredE0 >>> 0,
    delivered_ce_bytes: a.deliveredCeBytes >>> 0,
    received_e1_bytes: a.receivedE1 >>> 0,
    received_e0_bytes: a.receivedE0 >>> 0,
    received_ce_bytes: a.receivedCeBytes >>> 0,
    accecn_fail_mode: a.failMode,
    accecn_opt_seen: a.optionSeen,
  };
}

function counts(c: Connection): TcpInfo {
  return {
    total_retrans: c.totalRetransmits,
    bytes_acked: c.bytesAcked,
    bytes_received: c.bytesReceived,
    bytes_sent: c.bytesSent,
    bytes_retrans: c.bytesRetransmitted,
    segs_out: c.segsOut,
    segs_in: c.segsIn,
    data_segs_out: c.dataSegsOut,
    data_segs_in: c.dataSegsIn,
    dsack_dups: c.dsackDups,
    rehash: c.rehash,
    fastopen_client_fail: c.fastOpen === null ? 0 : c.fastOpen.fail,
  };
}
