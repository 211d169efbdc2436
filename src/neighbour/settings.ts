import type { Config, Setting } from "../base/config.js";

const PREFIX = "net.ipv4.neigh.default.";

/** The neighbour table's settings, under Linux's names and with Linux's defaults. */
export const NEIGHBOUR_SETTINGS: readonly Setting[] = [
  {
    name: `${PREFIX}base_reachable_time_ms`,
    default: 30000,
    min: 1,
    unit: "ms",
    doc: "A confirmed neighbour is believed for half to one and a half times this long.",
  },
  {
    name: `${PREFIX}delay_first_probe_time`,
    default: 5,
    min: 0,
    max: 3600,
    unit: "s",
    doc: "How long a stale neighbour may be used before it is asked again.",
  },
  {
    name: `${PREFIX}retrans_time_ms`,
    default: 1000,
    min: 1,
    unit: "ms",
    doc: "Between two requests for one neighbour.",
  },
  {
    name: `${PREFIX}mcast_solicit`,
    default: 3,
    min: 1,
    max: 100,
    doc: "Broadcast requests before a neighbour is given up.",
  },
  {
    name: `${PREFIX}ucast_solicit`,
    default: 3,
    min: 0,
    max: 100,
    doc: "Unicast requests before a known neighbour is given up.",
  },
  {
    name: `${PREFIX}unres_qlen_bytes`,
    default: 212992,
    min: 0,
    unit: "bytes",
    doc: "What may wait for one neighbour's answer; the oldest packets go first.",
  },
  { name: `${PREFIX}gc_thresh1`, default: 128, min: 0, doc: "Below this many entries none is ever forgotten." },
  {
    name: `${PREFIX}gc_thresh2`,
    default: 512,
    min: 0,
    doc: "Above this many entries, unused ones are forgotten when a new one is made, and others' requests make none.",
  },
  {
    name: `${PREFIX}gc_thresh3`,
    default: 1024,
    min: 1,
    max: 1_000_000,
    doc: "There are never more entries than this.",
  },
  {
    name: `${PREFIX}gc_stale_time`,
    default: 60,
    min: 1,
    max: 86400,
    unit: "s",
    doc: "An entry unused for so long may be forgotten.",
  },
  {
    name: `${PREFIX}gc_interval`,
    default: 30,
    min: 1,
    max: 86400,
    unit: "s",
    doc: "How often the table is looked through for unused entries.",
  },
  {
    name: `${PREFIX}locktime_ms`,
    default: 1000,
    min: 0,
    unit: "ms",
    doc: "An entry just learnt is not overwritten by another answer for so long (locktime, in ms).",
  },
];

/** The same as plain fields, kept up to date. */
export class NeighbourSettings {
  reachableMs = 30000;
  delayMs = 5000;
  retransMs = 1000;
  multicastSolicit = 3;
  unicastSolicit = 3;
  queueBytes = 212992;
  gcThresh1 = 128;
  gcThresh2 = 512;
  gcThresh3 = 1024;
  gcStaleMs = 60000;
  gcIntervalMs = 30000;
  locktimeMs = 1000;

  constructor(config: Config) {
    const watch = (name: string, fn: (value: number) => void): void => config.watch<number>(PREFIX + name, fn);
    watch("base_reachable_time_ms", (v) => (this.reachableMs = v));
    watch("delay_first_probe_time", (v) => (this.delayMs = v * 1000));
    watch("retrans_time_ms", (v) => (this.retransMs = v));
    watch("mcast_solicit", (v) => (this.multicastSolicit = v));
    watch("ucast_solicit", (v) => (this.unicastSolicit = v));
    watch("unres_qlen_bytes", (v) => (this.queueBytes = v));
    watch("gc_thresh1", (v) => (this.gcThresh1 = v));
    watch("gc_thresh2", (v) => (this.gcThresh2 = v));
    watch("gc_thresh3", (v) => (this.gcThresh3 = v));
    watch("gc_stale_time", (v) => (this.gcStaleMs = v * 1000));
    watch("gc_interval", (v) => (this.gcIntervalMs = v * 1000));
    watch("locktime_ms", (v) => (this.locktimeMs = v));
  }
}
