import type { Setting } from "../base/config.js";

/** ICMP's settings, under Linux's names and with Linux's defaults. */
export const ICMP_SETTINGS: readonly Setting[] = [
  { name: "net.ipv4.icmp_echo_ignore_all", default: 0, min: 0, max: 1, doc: "1: answer no echo requests." },
  {
    name: "net.ipv4.icmp_echo_ignore_broadcasts",
    default: 1,
    min: 0,
    max: 1,
    doc: "1: answer no echo requests to a broadcast or multicast address.",
  },
  {
    name: "net.ipv4.icmp_ratelimit",
    default: 1000,
    min: 0,
    unit: "ms",
    doc: "Between two limited messages to one destination, after a burst of 6; 0: no limit.",
  },
  {
    name: "net.ipv4.icmp_ratemask",
    default: 6168,
    min: 0,
    doc: "Which types are limited: bit n is type n. 6168: unreachable, source quench, time exceeded, parameter problem.",
  },
  {
    name: "net.ipv4.icmp_msgs_per_sec",
    default: 1000,
    min: 0,
    unit: "1/s",
    doc: "Limited messages to all destinations together.",
  },
  { name: "net.ipv4.icmp_msgs_burst", default: 50, min: 0, doc: "How many of them may go at once." },
];
