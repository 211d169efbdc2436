/* struct tcp_info of linux/tcp.h: [name, bytes] in order; the bit fields are taken apart below. */
const FIELDS: readonly (readonly [string, number])[] = [
  ..."state ca_state retransmits probes backoff options wscales flags".split(" ").map((n) => [n, 1] as const),
  ...words("rto ato snd_mss rcv_mss unacked sacked lost retrans fackets"),
  ...words("last_data_sent last_ack_sent last_data_recv last_ack_recv pmtu rcv_ssthresh rtt rttvar snd_ssthresh"),
  ...words("snd_cwnd advmss reordering rcv_rtt rcv_space total_retrans"),
  ...longs("pacing_rate max_pacing_rate bytes_acked bytes_received"),
  ...words("segs_out segs_in notsent_bytes min_rtt data_segs_in data_segs_out"),
  ...longs("delivery_rate busy_time rwnd_limited sndbuf_limited"),
  ...words("delivered delivered_ce"),
  ...longs("bytes_sent bytes_retrans"),
  ...words("dsack_dups reord_seen rcv_ooopack snd_wnd rcv_wnd rehash"),
  ["total_rto", 2],
  ["total_rto_recoveries", 2],
  ...words("total_rto_time received_ce delivered_e1_bytes delivered_e0_bytes delivered_ce_bytes"),
  ...words("received_e1_bytes received_e0_bytes received_ce_bytes"),
  ["accecn_fail_mode", 2],
  ["accecn_opt_seen", 2],
];

function words(names: string): (readonly [string, number])[] {
  return names.split(" ").map((name) => [name, 4] as const);
}

function longs(names: string): (readonly [string, number])[] {
  return names.split(" ").map((name) => [name, 8] as const);
}

/** TCP_INFO under the kernel's names without `tcpi_`; fields that this kernel does not know are missing. */
export function parseTcpInfo(bytes: Buffer): Record<string, number> {
  const info: Record<string, number> = {};
  let at = 0;
  for (const [name, size] of FIELDS) {
    if (at + size > bytes.length) break;
    info[name] = size === 8 ? Number(bytes.readBigUInt64LE(at)) : bytes.readUIntLE(at, size);
    at += size;
  }
  const { wscales = 0, flags = 0 } = info;
  info.snd_wscale = wscales & 15;
  info.rcv_wscale = wscales >> 4;
  info.delivery_rate_app_limited = flags & 1;
  info.fastopen_client_fail = (flags >> 1) & 3;
  return info;
}
