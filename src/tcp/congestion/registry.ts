import { BBR } from "./bbr.js";
import type { CongestionControl } from "./congestion.js";
import { CUBIC } from "./cubic.js";
import { RENO } from "./reno.js";

/** The algorithms there are, by the names that TCP_CONGESTION and net.ipv4.tcp_congestion_control take. */
export const CONGESTION_CONTROLS: ReadonlyMap<string, CongestionControl> = new Map(
  [CUBIC, RENO, BBR].map((algorithm) => [algorithm.name, algorithm]),
);

/** Their names, for an error message. */
export const CONGESTION_NAMES: string = [...CONGESTION_CONTROLS.keys()].join(", ");

export function congestionNamed(name: string): CongestionControl | null {
  return CONGESTION_CONTROLS.get(name) ?? null;
}
