import type { EntryDetails } from "../socket/entries.js";

type Info = EntryDetails["info"];

/** Values of the kernel's that say "unknown" or "no limit". */
const RATE_UNLIMITED = 2 ** 64;
const MIN_RTT_UNKNOWN = 0xffff_ffff;
/** An RTO that nobody has measured, as older kernels began with; ss leaves it out. */
const RTO_OLD_DEFAULT = 3_000_000;
/** ss shows a threshold only below. */
const SSTHRESH_SHOWN = 0xffff;
/** ... and reordering only when it is not this. */
const REORDERING_DEFAULT = 3;
/** TCPI_OPT_*, in the order in which ss names them. */
const FLAGS: readonly (readonly [bit: number, name: string])[] = [
  [1, "ts"],
  [2, "sack"],
  [8, "ecn"],
  [16, "ecnseen"],
  [32, "fastopen"],
];
const OPTION_WSCALE = 4;

/** Bits per second: as they are, or (not `numeric`) in units. */
type Rate = (bytesPerSecond: number) => string;

/**
 * What ss -i says of a connection, in the order and the words of iproute2's tcp_stats_print().
 * @param flags with the names of the options agreed on, which ss shows with -o and -e
 * @param numeric rates in full
 */
export function infoText(details: EntryDetails, flags: boolean, numeric: boolean, listening: boolean): string {
  const { info } = details;
  const rate: Rate = (bytes) => `${numeric ? Math.round(bytes * 8) : inUnits(bytes * 8)}bps`;
  const parts = [
    ...(flags ? flagNames(info) : []),
    details.congestion,
    ...basics(info),
    ...counts(info),
    ...algorithm(info, rate),
    ...rates(info, rate),
    ...limits(info),
    ...flight(info, listening),
    ...receiving(info),
  ];
  return parts.map((part) => ` ${part}`).join("");
}

/** ss -m. */
export function memoryText(details: EntryDetails): string {
  const { received, receiveBuffer, queued, sendBuffer } = details;
  return ` skmem:(r${received},rb${receiveBuffer},t0,tb${sendBuffer},f0,w${queued},o0,bl0,d0)`;
}

function flagNames(info: Info): string[] {
  const options = of(info, "options");
  return FLAGS.filter(([bit]) => (options & bit) !== 0).map(([, name]) => name);
}

function basics(info: Info): string[] {
  const rto = of(info, "rto");
  const scaled = (of(info, "options") & OPTION_WSCALE) !== 0;
  const ssthresh = of(info, "snd_ssthresh");
  return [
    ...(scaled ? [`wscale:${of(info, "snd_wscale")},${of(info, "rcv_wscale")}`] : []),
    ...(rto !== 0 && rto !== RTO_OLD_DEFAULT ? [`rto:${ms(rto)}`] : []),
    ...some(info, "backoff"),
    ...(of(info, "rtt") > 0 ? [`rtt:${ms(of(info, "rtt"))}/${ms(of(info, "rttvar"))}`] : []),
    ...someMs(info, "ato"),
    ...some(info, "snd_mss", "mss"),
    ...some(info, "pmtu"),
    ...some(info, "rcv_mss", "rcvmss"),
    ...some(info, "advmss"),
    ...some(info, "snd_cwnd", "cwnd"),
    ...(ssthresh < SSTHRESH_SHOWN ? some(info, "snd_ssthresh", "ssthresh") : []),
  ];
}

function counts(info: Info): string[] {
  return [
    "bytes_sent",
    "bytes_retrans",
    "bytes_acked",
    "bytes_received",
    "segs_out",
    "segs_in",
    "data_segs_out",
    "data_segs_in",
  ].flatMap((name) => some(info, name));
}

/** BBR says what it has found. */
function algorithm(info: Info, rate: Rate): string[] {
  if (info.bbr_bw === undefined) return [];
  const gains = [
    ["pacing_gain", of(info, "bbr_pacing_gain")],
    ["cwnd_gain", of(info, "bbr_cwnd_gain")],
  ] as const;
  const shown = gains.filter(([, gain]) => gain !== 0).map(([name, gain]) => `,${name}:${general(gain / 256)}`);
  return [`bbr:(bw:${rate(info.bbr_bw)},mrtt:${ms(of(info, "bbr_min_rtt"))}${shown.join("")})`];
}

function rates(info: Info, rate: Rate): string[] {
  const rtt = of(info, "rtt");
  const window = of(info, "snd_cwnd") * of(info, "snd_mss");
  const pacing = of(info, "pacing_rate");
  const most = of(info, "max_pacing_rate");
  const most_ = most !== 0 && most !== RATE_UNLIMITED ? `/${rate(most)}` : "";
  return [
    ...(rtt > 0 && window > 0 ? [`send ${rate((window * 1e6) / rtt)}`] : []),
    ...some(info, "last_data_sent", "lastsnd"),
    ...some(info, "last_data_recv", "lastrcv"),
    ...some(info, "last_ack_recv", "lastack"),
    ...(pacing !== 0 && pacing !== RATE_UNLIMITED ? [`pacing_rate ${rate(pacing)}${most_}`] : []),
    ...(of(info, "delivery_rate") !== 0 ? [`delivery_rate ${rate(of(info, "delivery_rate"))}`] : []),
    ...some(info, "delivered"),
    ...some(info, "delivered_ce"),
    ...(of(info, "delivery_rate_app_limited") !== 0 ? ["app_limited"] : []),
  ];
}

/** What has kept the sender. */
function limits(info: Info): string[] {
  const busy = of(info, "busy_time");
  if (busy === 0) return [];
  const part = (name: string): string[] => {
    const time = of(info, name);
    return time === 0 ? [] : [`${name}:${Math.floor(time / 1000)}ms(${((100 * time) / busy).toFixed(1)}%)`];
  };
  return [`busy:${Math.floor(busy / 1000)}ms`, ...part("rwnd_limited"), ...part("sndbuf_limited")];
}

function flight(info: Info, listening: boolean): string[] {
  const retrans = of(info, "retrans");
  const total = of(info, "total_retrans");
  const reordering = of(info, "reordering");
  return [
    ...some(info, "unacked"),
    ...(retrans !== 0 || total !== 0 ? [`retrans:${retrans}/${total}`] : []),
    ...some(info, "lost"),
    ...(listening ? [] : some(info, "sacked")),
    ...some(info, "dsack_dups"),
    ...some(info, "fackets"),
    ...(reordering !== REORDERING_DEFAULT ? [`reordering:${reordering}`] : []),
    ...some(info, "reord_seen"),
  ];
}

function receiving(info: Info): string[] {
  return [
    ...someMs(info, "rcv_rtt"),
    ...some(info, "rcv_space"),
    ...some(info, "rcv_ssthresh"),
    ...some(info, "notsent_bytes", "notsent"),
    ...(of(info, "min_rtt") !== MIN_RTT_UNKNOWN ? someMs(info, "min_rtt", "minrtt") : []),
    ...some(info, "rcv_ooopack"),
    ...some(info, "snd_wnd"),
    ...some(info, "rcv_wnd"),
    ...some(info, "rehash"),
  ];
}

function of(info: Info, name: string): number {
  return info[name] ?? 0;
}

/** `label:value`, or nothing where it is 0. */
function some(info: Info, name: string, label = name): string[] {
  const value = of(info, name);
  return value === 0 ? [] : [`${label}:${value}`];
}

/** The same of microseconds, shown as milliseconds. */
function someMs(info: Info, name: string, label = name): string[] {
  const value = of(info, name);
  return value === 0 ? [] : [`${label}:${ms(value)}`];
}

function ms(micros: number): string {
  return general(micros / 1000);
}

/** C's %g. */
function general(value: number, digits = 6): string {
  if (value === 0) return "0";
  const exponent = Number(value.toExponential(digits - 1).split("e")[1]);
  if (exponent >= -4 && exponent < digits) return String(Number(value.toPrecision(digits)));
  const [mantissa, power] = value.toExponential(digits - 1).split("e") as [string, string];
  return `${Number(mantissa)}e${power[0]}${power.slice(1).padStart(2, "0")}`;
}

/** ss's sprint_bw(): three digits and a unit. */
function inUnits(bits: number): string {
  if (bits > 1e12) return `${general(bits / 1e12, 3)}T`;
  if (bits > 1e9) return `${general(bits / 1e9, 3)}G`;
  if (bits > 1e6) return `${general(bits / 1e6, 3)}M`;
  if (bits > 1e3) return `${general(bits / 1e3, 3)}k`;
  return general(bits, 3);
}
