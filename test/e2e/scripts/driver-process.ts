// What an open native link means for its process: `driver-process.ts MODE`, in a namespace of its own.
import { createSocket } from "node:dgram";
import { Worker } from "node:worker_threads";
import { openTap, type TapLink } from "../../../src/link/tap/index.js";
import { TapPeer } from "./tap-peer.js";

async function open(name = "tap0"): Promise<{ link: TapLink; peer: TapPeer }> {
  const link = await openTap({ name, address: "10.77.0.1/24" });
  const peer = new TapPeer(link, [10, 77, 0, 2]);
  link.open(peer);
  return { link, peer };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** One datagram for the peer, whatever becomes of it. */
function poke(): void {
  const socket = createSocket("udp4");
  socket.send("x", 7, "10.77.0.2", () => socket.close());
}

/** The addon in a thread: the thread ends with the link open, and the device must go with it. */
async function worker(): Promise<void> {
  const addon = new URL("../../../native/build/tap.node", import.meta.url).pathname;
  // Plain JavaScript: a worker does not run TypeScript.
  const source = `
    const { parentPort } = require("node:worker_threads");
    const addon = require(${JSON.stringify(addon)});
    const fd = addon.open("/dev/net/tun", 0o4002);
    const request = Buffer.alloc(40);
    request.write("wtap0");
    request.writeUInt16LE(0x1002, 16);
    if (addon.ioctl(fd, 0x400454ca, request) < 0) throw new Error("TUNSETIFF");
    const port = new addon.Port(fd, 0, new Float64Array(16), () => {}, () => {}, () => {});
    const memory = new ArrayBuffer(65536);
    port.start(memory, 0, 2048, 16, 1600, new Int32Array(64), 20000);
    parentPort.postMessage("open");
  `;
  const { link } = await open();
  for (let i = 0; i < 3; i++) {
    const thread = new Worker(source, { eval: true });
    await new Promise((resolve, reject) => thread.once("message", resolve).once("error", reject));
    // Twice the same name: it is free again only if the first thread's end closed it.
    await thread.terminate();
  }
  await link.close();
}

async function idle(): Promise<void> {
  const { link } = await open();
  await pause(500);
  const before = process.cpuUsage();
  await pause(2000);
  const { user, system } = process.cpuUsage(before);
  if (user + system > 20_000) throw new Error(`${user + system} us of CPU time in 2 s of waiting`);
  await link.close();
}

async function main(mode: string): Promise<void> {
  if (mode === "worker") return worker();
  if (mode === "idle") return idle();
  const { link, peer } = await open();
  if (mode === "unref") link.unref();
  if (mode === "ref") console.log("open");
  if (mode === "exit") process.exit(0);
  if (mode === "throw") {
    peer.onFrame = () => {
      throw new Error("thrown by the stack");
    };
    poke();
  }
}

main(process.argv[2] ?? "");
