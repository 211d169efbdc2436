import { Worker } from "node:worker_threads";

/** Fewer at a time when a script is tried again: what failed may have been late for want of a processor. */
const AGAIN = 6;

/**
 * Plays scripts in threads, as each blocks its own until it is done.
 * @returns outcomes with the scripts' names, in the scripts' order
 */
export async function runAll(scripts, { module, jobs, linux, record, attempts, workerData }) {
  const outcomes = new Map();
  let waiting = scripts;
  for (let attempt = 1; attempt <= attempts && waiting.length > 0; attempt++) {
    const count = Math.min(attempt === 1 ? jobs : AGAIN, waiting.length);
    for (const outcome of await round(waiting, count, { module, linux, record, workerData }))
      outcomes.set(outcome.index, { ...outcome, attempt });
    waiting = waiting.filter(({ index }) => outcomes.get(index).verdict === "failed");
  }
  return scripts.map((script) => ({ ...script, ...outcomes.get(script.index) }));
}

async function round(scripts, count, { module, linux, record, workerData }) {
  const queue = scripts.map(({ index }) => ({ index, linux, record }));
  const outcomes = [];
  const one = () =>
    new Promise((resolve, reject) => {
      const worker = new Worker(module, { workerData });
      const next = () => {
        const task = queue.shift();
        if (task === undefined) worker.terminate().then(resolve, reject);
        else worker.postMessage(task);
      };
      worker.on("message", (outcome) => {
        outcomes.push(outcome);
        next();
      });
      worker.on("error", reject);
      next();
    });
  await Promise.all(Array.from({ length: count }, one));
  return outcomes;
}
