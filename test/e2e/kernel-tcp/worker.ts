// Plays every script in every role, with our TCP and with the kernel's in its place, and says of each what is wrong.
// Runs in the network namespace of the far end. Arguments: the namespace of the kernel that stands in for us, a folder.
import { join } from "node:path";
import { Analysis, Capture } from "./capture.js";
import { CASES, type Case, type Finding, judge, type Played } from "./judge.js";
import { play } from "./play.js";
import { type Near, Stage } from "./stage.js";
import { FIRST_PORT } from "./wire.js";

/** Flows under way at a time. */
const CROWD = 24;
/**
 * Some cases toss a coin: a probe's ACK that comes sooner than any before tells RACK nothing (Linux' tcp_rack_advance), and
 * then it is the timeout that repairs. What is wrong is wrong each time.
 */
const ATTEMPTS = 6;
/** Milliseconds for what lingers after a close: lost FINs, orphans. */
const LINGER = 4000;

let port = FIRST_PORT;

async function playAll(stage: Stage, cases: readonly Case[]): Promise<Played[]> {
  const played: Played[] = [];
  const todo = cases.flatMap((item) => (["ours", "kernel"] as const).map((near: Near) => ({ item, near })));
  const next = async (): Promise<void> => {
    for (let job = todo.shift(); job !== undefined; job = todo.shift()) {
      const { item, near } = job;
      played.push({ item, near, outcome: await play(stage, item.script, item.role, near, port++) });
    }
  };
  await Promise.all(Array.from({ length: CROWD }, next));
  return played;
}

/** Waits until all that is left is TIME-WAIT, or too long. */
async function settled(stage: Stage): Promise<ReturnType<Stage["sockets"]>> {
  const deadline = performance.now() + LINGER;
  for (;;) {
    const left = stage.sockets();
    const busy = [...left.near, ...left.far].some(({ state }) => state !== "TIME-WAIT");
    if (!busy || performance.now() > deadline) return left;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function main(other: string, folder: string, only: string): Promise<void> {
  const stage = new Stage(other);
  const findings = new Map<string, Finding>();
  try {
    await stage.open();
    let cases = CASES.filter(({ name }) => name.includes(only));
    for (let attempt = 0; attempt < ATTEMPTS && cases.length > 0; attempt++) {
      const capture = new Capture(join(folder, `${attempt}.pcap`));
      await capture.started();
      const played = await playAll(stage, cases);
      const left = await settled(stage);
      await capture.stop();
      const analysis = await Analysis.of(capture.file);
      for (const finding of judge(cases, played, left, analysis, findings)) findings.set(finding.name, finding);
      cases = cases.filter(({ name }) => findings.get(name)?.complaints.length !== 0);
    }
  } finally {
    await stage.close();
  }
  process.stdout.write(JSON.stringify([...findings.values()]));
}

const [other, folder, only = ""] = process.argv.slice(2) as [string, string, string?];
await main(other, folder, only);
