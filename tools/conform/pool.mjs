import { join } from "node:path";
import { Worker } from "node:worker_threads";

/** Fewer at a time when a script is tried again: what failed may have been late for want of a processor. */
const AGAIN = 6;

/**
 * Plays scripts in threads, as each blocks its own until it is done.
 * @param options.program the puppet, or "" for our own stack
 * @param options.attempts for a script that fails
 * @returns outcomes with the scripts' names, in the scripts' order
 */
export async function runAll(scripts, { jobs, attempts, ...how }) {
  const outcomes = new Map();
  let waiting = scripts;
  for (let attempt = 1; attempt <= attempts && waiting.length > 0; attempt++) {
    const count = Math.min(attempt === 1 ? jobs : AGAIN, waiting.length);
    const again = new Set();
    for (const outcome of await round(waiting, count, { ...how, attempt })) {
      const before = outcomes.get(outcome.index);
      if (outcome.verdict === "failed" && !alike(before, outcome)) again.add(outcome.index);
      outcomes.set(outcome.index, { ...outcome, attempt, before: before?.message ?? "" });
    }
    waiting = waiting.filter(({ index }) => again.has(index));
  }
  return scripts.map((script) => ({ ...script, ...outcomes.get(script.index) }));
}

/** The same failure twice, whatever the numbers: a third time would tell nothing. */
function alike(before, outcome) {
  const gist = ({ message }) => message.split("\n")[0].replace(/\d+/g, "0");
  return before !== undefined && gist(before) === gist(outcome);
}

/** A thread that has loaded the scripts. */
function start(module, workerData) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(module, { workerData });
    worker.once("message", () => resolve(worker));
    worker.once("error", reject);
  });
}

async function round(scripts, count, { module, folder, makePipes, program, limit, record, attempt }) {
  const queue = scripts.map(({ index }) => ({ index, record }));
  // All have loaded before the first begins: the scripts' times suffer from a busy processor
  const workers = await Promise.all(
    Array.from({ length: count }, (_, place) => {
      const pipes = join(folder, `${attempt}-${place}`);
      if (program !== "") makePipes(pipes);
      return start(module, { program, pipes, limit });
    }),
  );
  const outcomes = [];
  const work = (worker) =>
    new Promise((resolve, reject) => {
      const next = () => worker.postMessage(queue.shift() ?? null);
      worker.on("message", (outcome) => {
        outcomes.push(outcome);
        next();
      });
      worker.on("error", reject);
      worker.on("exit", resolve);
      next();
    });
  await Promise.all(workers.map(work));
  return outcomes;
}
