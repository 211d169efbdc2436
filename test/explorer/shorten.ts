import { type Result, walk } from "./walk.js";

/** What two failures have in common when they are the same one: the words, without the numbers. */
function kindOf(failure: string | null): string {
  return failure === null ? "" : (failure.split("\n")[0] as string).replace(/-?\d+/g, "n").replace(/\[.*?\]/g, "");
}

/**
 * Leaves out as many steps of a failing walk as it can while it still fails in the same way (ddmin, Zeller 1999).
 * @param tries walks to take at most
 */
export async function shorten(failed: Result, tries: number): Promise<{ result: Result; steps: readonly number[] }> {
  const kind = kindOf(failed.failure);
  let steps = Array.from({ length: failed.steps + 1 }, (_, i) => i);
  let left = tries;
  for (let size = steps.length >> 1; size >= 1 && left > 0; ) {
    let shorter = false;
    for (let at = 0; at < steps.length && left > 0; left--) {
      const fewer = steps.slice(0, at).concat(steps.slice(at + size));
      const result = await walk(failed.seed, fewer);
      if (kindOf(result.failure) === kind) {
        steps = fewer.slice(0, result.steps + 1);
        shorter = true;
      } else at += size;
    }
    if (!shorter || size > steps.length) size = Math.min(size >> 1, steps.length >> 1);
  }
  return { result: await walk(failed.seed, steps, undefined, true), steps };
}
