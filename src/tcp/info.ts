import type { Connection } from "./connection.js";
import { SYN_RECEIVED, SYN_SENT } from "./constants.js";

/** TCPI_OPT_WSCALE */
const OPTION_WSCALE = 4;

/**
 * What TCP knows of a connection under the names of Linux's struct tcp_info: counts in segments, times in
 * microseconds (`last_*` in milliseconds), sizes in bytes.
 */
export function connectionInfo(c: Connection): Readonly<Record<string, number>> {
  const now = c.tcp.time.ms;
  const opening = c.state === SYN_SENT || c.state === SYN_RECEIVED;
  const segments = (bytes: number): number => Math.ceil(bytes / c.mss);
  return {
    state: c.state,
    ca_state: c.caState,
    retransmits: c.retransmits,
    probes: c.probes + c.keepProbes,
    backoff: c.backoff,
    options: c.sndWscale > 0 || c.rcvWscale > 0 ? OPTION_WSCALE : 0,
    snd_wscale: c.sndWscale,
    rcv_wscale: c.rcvWscale,
    rto: c.rto * 1000,
    ato: c.ato * 1000,
    snd_mss: c.mss,
    rcv_mss: c.rcvMss,
    unacked: opening ? 1 : segments((c.sndNxt - c.sndUna) | 0),
    last_data_sent: (now - c.lastSend) | 0,
    last_data_recv: (now - c.lastReceive) | 0,
    last_ack_recv: (now - c.lastAck) | 0,
    pmtu: c.route === null ? 0 : c.route.mtu,
    rtt: c.srtt >> 3,
    rttvar: c.rttvar >> 2,
    snd_ssthresh: c.ssthresh === 0x7fffffff ? 0x7fffffff : segments(c.ssthresh),
    snd_cwnd: Math.floor(c.cwnd / c.mss),
    snd_wnd: c.sndWnd,
    rcv_wnd: c.rcvWnd,
    advmss: c.advMss,
    rcv_space: c.rcvLimit,
    total_retrans: c.totalRetransmits,
    bytes_acked: c.bytesAcked,
    bytes_received: c.bytesReceived,
    bytes_sent: c.bytesSent,
    bytes_retrans: c.bytesRetransmitted,
    segs_out: c.segsOut,
    segs_in: c.segsIn,
    data_segs_out: c.dataSegsOut,
    data_segs_in: c.dataSegsIn,
    notsent_bytes: opening ? c.sndQueued : Math.max(0, c.sndQueued - ((c.sndNxt - c.sndUna) | 0)),
    min_rtt: c.minRtt === 0x7fffffff ? 0 : c.minRtt,
    rcv_ooopack: c.oooCount,
  };
}
