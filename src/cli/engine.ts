import { setFlagsFromString } from "node:v8";

/**
 * Lets V8 inline more: a function swallows callees of up to this many bytes of bytecode in all, 920 by default, which the
 * way of a frame through the layers exceeds several times over. Measured at 1,000 TCP connections: 15 % less time a
 * frame (docs/benchmarks.md). For the programs that are ours to tune; a library leaves its host's engine alone.
 */
export function tuneEngine(): void {
  setFlagsFromString("--max-inlined-bytecode-size-cumulative=4000");
}
