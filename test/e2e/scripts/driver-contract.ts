// Runs the driver contract inside a network namespace: `driver-contract.ts DRIVER MODULEPATH`. One JSON line a case.
// It ends by itself when nothing is left: a leaked handle makes it hang, and the test that runs it fail.
import { openTap, type TapDriverName, type TapLink } from "../../../src/link/tap/index.js";
import { ADDRESS, type Bench, CASES, PEER } from "./driver-cases.js";
import { TapPeer } from "./tap-peer.js";

const [driver, modulePath] = process.argv.slice(2) as [TapDriverName, string | undefined];
if (modulePath !== undefined) process.env.TAPSTACK_DRIVER_PATH = modulePath;

/** Of the case that runs. */
const opened: TapLink[] = [];

const bench: Bench = {
  driver,
  async open(options = {}, offload = true) {
    const link = await openTap({ driver, address: ADDRESS, ...options });
    const peer = new TapPeer(link, PEER, offload);
    link.open(peer);
    opened.push(link);
    return { link, peer };
  },
};

async function main(): Promise<void> {
  for (const { name, drivers, body } of CASES) {
    if (drivers !== undefined && !drivers.includes(driver)) continue;
    let error = "";
    try {
      await body(bench);
    } catch (thrown) {
      error = (thrown as Error).stack ?? String(thrown);
    }
    // One that failed in the middle must not spoil those that follow.
    if (error !== "") await Promise.all(opened.map((link) => link.close()));
    opened.length = 0;
    console.log(JSON.stringify({ name, error }));
  }
}

main();
