import type { Config } from "../base/config.js";

/** The settings of which TCP reads the number as it stands: our name, and Linux's below net.ipv4. */
const PLAIN = [
  ["timestamps", "tcp_timestamps"],
  ["sack", "tcp_sack"],
  ["dsack", "tcp_dsack"],
  ["ecn", "tcp_ecn"],
  ["ecnFallback", "tcp_ecn_fallback"],
  ["ecnOption", "tcp_ecn_option"],
  ["ecnOptionBeacon", "tcp_ecn_option_beacon"],
  ["recovery", "tcp_recovery"],
  ["earlyRetrans", "tcp_early_retrans"],
  ["frto", "tcp_frto"],
  ["reordering", "tcp_reordering"],
  ["maxReordering", "tcp_max_reordering"],
  ["thinLinear", "tcp_thin_linear_timeouts"],
  ["minRttWindow", "tcp_min_rtt_wlen"],
  ["retries1", "tcp_retries1"],
  ["invalidRatelimit", "tcp_invalid_ratelimit"],
  ["challengeAckLimit", "tcp_challenge_ack_limit"],
  ["rtoMinUs", "tcp_rto_min_us"],
  ["rtoMax", "tcp_rto_max_ms"],
  ["synLinearTimeouts", "tcp_syn_linear_timeouts"],
  ["noMetricsSave", "tcp_no_metrics_save"],
  ["noSsthreshMetricsSave", "tcp_no_ssthresh_metrics_save"],
  ["pacingSsRatio", "tcp_pacing_ss_ratio"],
  ["pacingCaRatio", "tcp_pacing_ca_ratio"],
  ["notsentLowat", "tcp_notsent_lowat"],
  ["moderateRcvbuf", "tcp_moderate_rcvbuf"],
  ["compSackDelayNs", "tcp_comp_sack_delay_ns"],
  ["compSackNr", "tcp_comp_sack_nr"],
  ["synCookies", "tcp_syncookies"],
  ["fastOpen", "tcp_fastopen"],
  ["fastOpenBlackhole", "tcp_fastopen_blackhole_timeout_sec"],
  ["twReuse", "tcp_tw_reuse"],
  ["twReuseDelay", "tcp_tw_reuse_delay"],
  ["rfc1337", "tcp_rfc1337"],
  ["maxOrphans", "tcp_max_orphans"],
  ["mtuProbing", "tcp_mtu_probing"],
  ["baseMss", "tcp_base_mss"],
  ["mtuProbeFloor", "tcp_mtu_probe_floor"],
  ["probeInterval", "tcp_probe_interval"],
  ["probeThreshold", "tcp_probe_threshold"],
  ["stdUrg", "tcp_stdurg"],
  ["hystart", "tcp_hystart"],
  ["synRetries", "tcp_syn_retries"],
  ["synackRetries", "tcp_synack_retries"],
  ["retries2", "tcp_retries2"],
  ["orphanRetries", "tcp_orphan_retries"],
  ["maxTimeWait", "tcp_max_tw_buckets"],
  ["keepProbes", "tcp_keepalive_probes"],
  ["maxSynBacklog", "tcp_max_syn_backlog"],
  ["abortOnOverflow", "tcp_abort_on_overflow"],
  ["windowScaling", "tcp_window_scaling"],
  ["slowStartAfterIdle", "tcp_slow_start_after_idle"],
  ["minSndMss", "tcp_min_snd_mss"],
] as const;

/** Those in seconds, which TCP keeps in milliseconds. */
const SECONDS = [
  ["finTimeout", "tcp_fin_timeout"],
  ["keepIdle", "tcp_keepalive_time"],
  ["keepInterval", "tcp_keepalive_intvl"],
] as const;

/** Those below net.core. */
const CORE = [
  ["somaxconn", "somaxconn"],
  ["rmemCap", "rmem_max"],
  ["wmemCap", "wmem_max"],
] as const;

/** The settings as TCP reads them: plain integers, kept up to date. */
export class TcpSettings {
  timestamps = 1;
  sack = 1;
  dsack = 1;
  ecn = 2;
  ecnFallback = 1;
  ecnOption = 2;
  ecnOptionBeacon = 3;
  recovery = 1;
  earlyRetrans = 3;
  frto = 2;
  reordering = 3;
  maxReordering = 300;
  thinLinear = 0;
  minRttWindow = 300;
  retries1 = 3;
  invalidRatelimit = 500;
  challengeAckLimit = 2147483647;
  rtoMinUs = 200000;
  rtoMax = 120000;
  synLinearTimeouts = 0;
  noMetricsSave = 0;
  noSsthreshMetricsSave = 1;
  pacingSsRatio = 200;
  pacingCaRatio = 120;
  notsentLowat = 4294967295;
  moderateRcvbuf = 1;
  compSackDelayNs = 1000000;
  compSackNr = 44;
  synCookies = 1;
  fastOpen = 1;
  fastOpenBlackhole = 0;
  twReuse = 2;
  twReuseDelay = 1000;
  rfc1337 = 0;
  maxOrphans = 65536;
  mtuProbing = 0;
  baseMss = 1024;
  mtuProbeFloor = 48;
  probeInterval = 600;
  probeThreshold = 8;
  stdUrg = 0;
  hystart = 1;
  fastOpenKey = "";
  congestionControl = "cubic";
  rmemLeast = 4096;
  synRetries = 6;
  synackRetries = 5;
  retries2 = 15;
  orphanRetries = 0;
  finTimeout = 60_000;
  maxTimeWait = 262144;
  keepIdle = 7_200_000;
  keepInterval = 75_000;
  keepProbes = 9;
  maxSynBacklog = 4096;
  somaxconn = 4096;
  abortOnOverflow = 0;
  windowScaling = 1;
  rmemDefault = 131072;
  rmemMax = 6 * 1024 * 1024;
  wmemLeast = 4096;
  wmemDefault = 16384;
  wmemMax = 4 * 1024 * 1024;
  /** net.core: the most that SO_RCVBUF and SO_SNDBUF take. */
  rmemCap = 4 * 1024 * 1024;
  wmemCap = 4 * 1024 * 1024;
  slowStartAfterIdle = 1;
  minSndMss = 48;

  constructor(config: Config) {
    for (const [field, name] of PLAIN)
      config.watch<number>(`net.ipv4.${name}`, (v) => {
        this[field] = v;
      });
    for (const [field, name] of SECONDS)
      config.watch<number>(`net.ipv4.${name}`, (v) => {
        this[field] = v * 1000;
      });
    for (const [field, name] of CORE)
      config.watch<number>(`net.core.${name}`, (v) => {
        this[field] = v;
      });
    config.watch<string>("net.ipv4.tcp_fastopen_key", (v) => {
      this.fastOpenKey = v;
    });
    config.watch<string>("net.ipv4.tcp_congestion_control", (v) => {
      this.congestionControl = v;
    });
    config.watch<readonly number[]>("net.ipv4.tcp_rmem", (v) => {
      this.rmemLeast = v[0] as number;
      this.rmemDefault = v[1] as number;
      this.rmemMax = v[2] as number;
    });
    config.watch<readonly number[]>("net.ipv4.tcp_wmem", (v) => {
      this.wmemLeast = v[0] as number;
      this.wmemDefault = v[1] as number;
      this.wmemMax = v[2] as number;
    });
  }
}
