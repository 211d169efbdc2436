import type { Config, Setting } from "../base/config.js";

const MIB = 1024 * 1024;

/** TCP's settings, under Linux's names. */
export const TCP_SETTINGS: readonly Setting[] = [
  { name: "net.ipv4.tcp_syn_retries", doc: "Times an initial SYN is sent again", default: 6, min: 1, max: 127 },
  { name: "net.ipv4.tcp_synack_retries", doc: "Times a SYN-ACK is sent again", default: 5, min: 0, max: 255 },
  {
    name: "net.ipv4.tcp_retries2",
    doc: "Gives up an established connection after as many unanswered retransmissions as back-off from 200 ms makes of this number (15: 924.6 s)",
    default: 15,
    min: 0,
    max: 255,
  },
  {
    name: "net.ipv4.tcp_orphan_retries",
    doc: "The same for a connection that nobody holds any more; 0 means 8",
    default: 0,
    min: 0,
    max: 255,
  },
  {
    name: "net.ipv4.tcp_fin_timeout",
    doc: "How long an orphan stays in FIN-WAIT-2",
    unit: "s",
    default: 60,
    min: 1,
    max: 3600,
  },
  {
    name: "net.ipv4.tcp_max_tw_buckets",
    doc: "TIME-WAIT records kept; beyond, connections close without",
    default: 262144,
    min: 0,
  },
  {
    name: "net.ipv4.tcp_keepalive_time",
    doc: "Idle time before the first keepalive probe",
    unit: "s",
    default: 7200,
    min: 1,
    max: 32767,
  },
  { name: "net.ipv4.tcp_keepalive_intvl", doc: "Between keepalive probes", unit: "s", default: 75, min: 1, max: 32767 },
  {
    name: "net.ipv4.tcp_keepalive_probes",
    doc: "Unanswered keepalive probes that end a connection",
    default: 9,
    min: 1,
    max: 127,
  },
  { name: "net.ipv4.tcp_max_syn_backlog", doc: "Half-open connections that a listener keeps", default: 4096, min: 1 },
  { name: "net.core.somaxconn", doc: "The most that listen's backlog can ask for", default: 4096, min: 1, max: 65535 },
  {
    name: "net.ipv4.tcp_abort_on_overflow",
    doc: "1: a full accept queue resets instead of letting the peer try again",
    default: 0,
    min: 0,
    max: 1,
  },
  { name: "net.ipv4.tcp_window_scaling", doc: "Offer the window scale option (RFC 7323)", default: 1, min: 0, max: 1 },
  {
    name: "net.ipv4.tcp_rmem",
    unit: "bytes",
    doc: "Receive buffer of a connection: least, default, most. Memory is taken only for what is queued",
    default: [4096, 2 * MIB, 8 * MIB],
    min: 2304,
    max: 1024 * MIB,
  },
  {
    name: "net.ipv4.tcp_wmem",
    unit: "bytes",
    doc: "Send buffer of a connection: least, default, most. Memory is taken only for what is queued",
    default: [4096, 2 * MIB, 8 * MIB],
    min: 2304,
    max: 1024 * MIB,
  },
  {
    name: "net.ipv4.tcp_slow_start_after_idle",
    doc: "Back to the initial window after an idle RTO (RFC 5681 §4.1)",
    default: 1,
    min: 0,
    max: 1,
  },
  {
    name: "net.ipv4.tcp_congestion_control",
    doc: "Congestion control of new sockets",
    default: "reno",
    choices: ["reno"],
  },
  {
    name: "net.ipv4.tcp_min_snd_mss",
    doc: "Smallest MSS used whatever the peer or an ICMP message says",
    default: 48,
    min: 40,
    max: 65495,
  },
];

/** The settings as TCP reads them: plain integers, kept up to date. */
export class TcpSettings {
  synRetries = 6;
  synackRetries = 5;
  retries2 = 15;
  orphanRetries = 8;
  finTimeout = 60_000;
  maxTimeWait = 262144;
  keepIdle = 7_200_000;
  keepInterval = 75_000;
  keepProbes = 9;
  maxSynBacklog = 4096;
  somaxconn = 4096;
  abortOnOverflow = 0;
  windowScaling = 1;
  rmemDefault = 2 * MIB;
  rmemMax = 8 * MIB;
  wmemDefault = 2 * MIB;
  wmemMax = 8 * MIB;
  slowStartAfterIdle = 1;
  minSndMss = 48;

  constructor(config: Config) {
    const on = (name: string, fn: (value: number) => void): void => config.watch<number>(`net.ipv4.${name}`, fn);
    on("tcp_syn_retries", (v) => {
      this.synRetries = v;
    });
    on("tcp_synack_retries", (v) => {
      this.synackRetries = v;
    });
    on("tcp_retries2", (v) => {
      this.retries2 = v;
    });
    on("tcp_orphan_retries", (v) => {
      this.orphanRetries = v === 0 ? 8 : v;
    });
    on("tcp_fin_timeout", (v) => {
      this.finTimeout = v * 1000;
    });
    on("tcp_max_tw_buckets", (v) => {
      this.maxTimeWait = v;
    });
    on("tcp_keepalive_time", (v) => {
      this.keepIdle = v * 1000;
    });
    on("tcp_keepalive_intvl", (v) => {
      this.keepInterval = v * 1000;
    });
    on("tcp_keepalive_probes", (v) => {
      this.keepProbes = v;
    });
    on("tcp_max_syn_backlog", (v) => {
      this.maxSynBacklog = v;
    });
    config.watch<number>("net.core.somaxconn", (v) => {
      this.somaxconn = v;
    });
    on("tcp_abort_on_overflow", (v) => {
      this.abortOnOverflow = v;
    });
    on("tcp_window_scaling", (v) => {
      this.windowScaling = v;
    });
    on("tcp_slow_start_after_idle", (v) => {
      this.slowStartAfterIdle = v;
    });
    on("tcp_min_snd_mss", (v) => {
      this.minSndMss = v;
    });
    config.watch<readonly number[]>("net.ipv4.tcp_rmem", (v) => {
      this.rmemDefault = v[1] as number;
      this.rmemMax = v[2] as number;
    });
    config.watch<readonly number[]>("net.ipv4.tcp_wmem", (v) => {
      this.wmemDefault = v[1] as number;
      this.wmemMax = v[2] as number;
    });
  }
}
