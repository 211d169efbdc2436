// One driver at work, in a namespace of its own: `subject.ts reflect|blast DRIVER OFFLOAD SPIN MODULEPATH`.
// reflect: answers UDP echo until SIGTERM; blast: writes small frames that the kernel drops first thing, for a second.
// One JSON line at the end: what it did, and its CPU time.
import { openTap, type TapDriverName } from "../../src/link/tap/index.js";
import { TapPeer } from "../../test/e2e/scripts/tap-peer.js";

const [mode, driver, offload, spin, modulePath] = process.argv.slice(2) as [
  string,
  TapDriverName,
  string,
  string,
  string,
];
const BATCH = 64;

function report(more: object): void {
  const { user, system } = process.cpuUsage();
  console.log(JSON.stringify({ ...link.activity(), cpu: user + system, ...more }));
}

const link = await openTap({
  driver,
  spin: Number(spin),
  offload: offload === "1",
  address: "10.77.0.1/24",
  modulePath,
});
const peer = new TapPeer(link, [10, 77, 0, 2]);
link.open(peer);
if (mode === "reflect") {
  process.once("SIGTERM", async () => {
    report({});
    await link.close();
    process.exit(0);
  });
  // CPU time is counted from here on.
  process.once("SIGUSR2", () => report({}));
  console.log("ready");
} else {
  console.log("ready");
  const frame = new Uint8Array(60);
  frame.set([2, 0x77, 0xff, 0xff, 0xff, 0xff], 0);
  frame.set(peer.mac, 6);
  frame.set([8, 0, 0x45, 0, 0, 46], 12);
  const begin = process.hrtime.bigint();
  const end = begin + 1_000_000_000n;
  let frames = 0;
  while (process.hrtime.bigint() < end) {
    for (let i = 0; i < BATCH; i++) peer.send(frame, []);
    peer.flush();
    // A stream writes behind our back; give it its turn.
    if (peer.queue.pending > 0 || driver === "tuntap2") await new Promise((resolve) => setImmediate(resolve));
    frames = link.activity().framesOut;
  }
  report({ frames, ns: Number(process.hrtime.bigint() - begin) });
  await link.close();
}
