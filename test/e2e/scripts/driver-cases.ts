import { execFile, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { networkInterfaces } from "node:os";
import { promisify } from "node:util";
import { LINK_CSUM, LINK_TSO4 } from "../../../src/link/link.js";
import { openTap, type TapDriverName, type TapLink, type TapOptions } from "../../../src/link/tap/index.js";
import { formatMac } from "../../../src/wire/address.js";
import type { TapPeer } from "./tap-peer.js";
import { expectPlainTcp, receiveGso, sendGso } from "./tcp-sham.js";

const run = promisify(execFile);
export const PEER = [10, 77, 0, 2];
const PEER_TEXT = PEER.join(".");
const ADDRESS = "10.77.0.1/24";

export interface Bench {
  readonly driver: TapDriverName;
  /** openTap() with the driver under test, and a peer on the link. */
  open(options?: TapOptions, offload?: boolean): Promise<{ link: TapLink; peer: TapPeer }>;
}

/** Which drivers a case is for; every driver when it does not say. */
export interface DriverCase {
  readonly name: string;
  readonly drivers?: readonly TapDriverName[];
  body(bench: Bench): Promise<void>;
}

export function check(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`not so: ${what}`);
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export async function until(what: string, condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition(); waited += 10) {
    if (waited > 5000) throw new Error(`in vain: waited for ${what}`);
    await pause(10);
  }
}

const exists = (name: string): boolean => spawnSync("ip", ["link", "show", "dev", name]).status === 0;

/** Sends datagrams to the peer's echo port; those that came back right, and how many were sent. */
async function echo(sizes: readonly number[], patience = 3000): Promise<number> {
  const socket = createSocket("udp4");
  socket.bind(0);
  await once(socket, "listening");
  const left = new Map<number, number>();
  let right = 0;
  socket.on("message", (data) => {
    const index = data.readUInt16BE(0);
    if (data.length !== left.get(index) || data.subarray(2).some((byte, i) => byte !== (i * 7 + index) % 256)) return;
    left.delete(index);
    right++;
  });
  sizes.forEach((size, index) => {
    const data = Buffer.alloc(size);
    for (let i = 2; i < size; i++) data[i] = ((i - 2) * 7 + index) % 256;
    data.writeUInt16BE(index, 0);
    left.set(index, size);
    socket.send(data, 7, PEER_TEXT);
  });
  for (let waited = 0; right < sizes.length && waited < patience; waited += 10) await pause(10);
  socket.close();
  return right;
}

async function opens({ driver, open }: Bench): Promise<void> {
  const { link, peer } = await open({ hostMac: "02:54:53:00:00:01" });
  check(link.driver === driver && link.layer === "ethernet", "it is the driver asked for");
  check(link.created, "the device was created");
  check(link.mtu === 1500, `mtu is ${link.mtu}`);
  check(link.hostAddress === ADDRESS, `the host's address is ${link.hostAddress}`);
  check(formatMac(link.hostMac) === "02:54:53:00:00:01", `the host's MAC is ${formatMac(link.hostMac)}`);
  check(formatMac(link.mac) !== formatMac(link.hostMac), "the two ends have different MACs");
  await until("the interface in the host's list", () => networkInterfaces()[link.name] !== undefined);
  const [address] = networkInterfaces()[link.name] ?? [];
  check(address?.cidr === ADDRESS && address.mac === "02:54:53:00:00:01", `the host has ${JSON.stringify(address)}`);
  await link.close();
  check(peer.downs.length === 0, "closing is not the link's end");
}

async function pings({ open }: Bench): Promise<void> {
  const { link, peer } = await open();
  for (const size of ["56", "1400"]) await run("ping", ["-c3", "-i0.05", "-W2", "-s", size, PEER_TEXT]);
  check(peer.frames >= 7, `an ARP request and six pings came, ${peer.frames} frames`);
  check(peer.misplaced === 0, "frames stand 2 modulo 4");
  await link.close();
}

async function echoes({ open }: Bench): Promise<void> {
  const { link, peer } = await open();
  const sizes = [2, 3, 17, 18, 19, 63, 64, 65, 511, 1000, 1471, 1472];
  check((await echo(sizes)) === sizes.length, "every size comes back as it was");
  const activity = link.activity();
  check(activity.framesIn === peer.frames, `${activity.framesIn} frames in, ${peer.frames} seen`);
  check(activity.framesOut >= sizes.length, `${activity.framesOut} frames out`);
  check(
    Object.values(link.counters()).every((count) => count === 0),
    JSON.stringify(link.counters()),
  );
  await link.close();
}

async function batches({ driver, open }: Bench): Promise<void> {
  const { link, peer } = await open();
  await echo([64]);
  const burst = await echo(Array.from({ length: 200 }, () => 100));
  check(burst === 200, `${burst} of 200 came back`);
  if (driver !== "tuntap2") check(peer.largestBatch > 1, `the largest batch was ${peer.largestBatch}`);
  await link.close();
}

async function mtu({ open }: Bench): Promise<void> {
  const { link } = await open({ mtu: 9000 });
  check(link.mtu === 9000, `mtu is ${link.mtu}`);
  check((await echo([8000, 8972])) === 2, "datagrams of 9000 bytes pass whole");
  await link.close();
}

async function plain({ open }: Bench): Promise<void> {
  const { link, peer } = await open({}, false);
  check(link.features === 0, `features are ${link.features}`);
  await expectPlainTcp(peer);
  await link.close();
}

async function offloadIn({ open }: Bench): Promise<void> {
  const { link, peer } = await open();
  check((link.features & (LINK_CSUM | LINK_TSO4)) === (LINK_CSUM | LINK_TSO4), `features are ${link.features}`);
  await receiveGso(peer);
  await link.close();
}

async function offloadOut({ open }: Bench): Promise<void> {
  const { link, peer } = await open();
  await sendGso(peer);
  check(link.counters().TapstackTapOutErrors === 0, "the kernel took every frame");
  await link.close();
}

async function withoutHeader({ open }: Bench): Promise<void> {
  const { link, peer } = await open({ offload: false });
  check(link.features === 0, `features are ${link.features}`);
  check((await echo([64, 1472])) === 2, "datagrams come back");
  await expectPlainTcp(peer);
  await link.close();
}

async function deleted({ open }: Bench): Promise<void> {
  const { link, peer } = await open();
  check((await echo([64])) === 1, "it works");
  await run("ip", ["link", "del", link.name]);
  await until("down()", () => peer.downs.length > 0);
  const before = process.cpuUsage();
  await pause(300);
  const { user, system } = process.cpuUsage(before);
  check(user + system < 100_000, `no busy loop afterwards: ${user + system} us of CPU in 300 ms`);
  check(peer.downs.length === 1, `down() came ${peer.downs.length} times`);
  const error = peer.downs[0] as Error & { code: string };
  check(error.message.includes(link.name), `the error names the device: ${error.message}`);
  check(["ENODEV", "EIO", "ENETDOWN"].includes(error.code), `its code is ${error.code}`);
  peer.send(new Uint8Array(60), []);
  peer.flush();
  check(peer.queue.pending === 0, "a dead link takes what it is given, so that nothing waits");
  await link.close();
}

async function closes({ open }: Bench): Promise<void> {
  const { link, peer } = await open();
  check((await echo([64])) === 1, "it works");
  await Promise.all([link.close(), link.close()]);
  await link.close();
  const { frames } = peer;
  check(!exists(link.name), "the device went with its link");
  peer.send(new Uint8Array(60), []);
  peer.flush();
  check(peer.queue.pending === 0 && peer.frames === frames, "nothing comes or waits after close()");
  const again = await open({ mtu: 1400 });
  check(again.link.created && (await echo([64])) === 1, "and it opens again");
  await again.link.close();
  const unopened = await openTap({ driver: link.driver });
  await unopened.close();
  check(!exists(unopened.name), "a link that was never attached closes too");
}

async function throws({ open }: Bench): Promise<void> {
  const { link, peer } = await open();
  check((await echo([64])) === 1, "it works (and the kernel knows the peer's MAC address)");
  const caught: unknown[] = [];
  process.on("uncaughtException", (error) => caught.push(error));
  peer.onFrame = () => {
    throw new Error("thrown by the stack");
  };
  await echo([64], 100);
  peer.onFrame = null;
  process.removeAllListeners("uncaughtException");
  check(caught.length > 0, "an exception in receive() reaches the process");
  check((caught[0] as Error).message === "thrown by the stack", `it is the one thrown: ${caught[0]}`);
  check((await echo([64])) === 1, "and the link goes on");
  await link.close();
}

async function interfaceDown({ open }: Bench): Promise<void> {
  const { link, peer } = await open();
  await run("ip", ["link", "set", link.name, "down"]);
  peer.send(new Uint8Array(60), []);
  peer.flush();
  check(peer.queue.pending === 0, "the frame is taken");
  check(link.counters().TapstackTapOutDown === 1, `and counted: ${JSON.stringify(link.counters())}`);
  await run("ip", ["link", "set", link.name, "up"]);
  check((await echo([64])) === 1, "and the link goes on when the interface is up again");
  check(peer.downs.length === 0, "an interface set down is not gone");
  await link.close();
}

async function rejection(options: TapOptions): Promise<Error & { code: string }> {
  try {
    await (await openTap(options)).close();
  } catch (error) {
    return error as Error & { code: string };
  }
  throw new Error(`openTap(${JSON.stringify(options)}) did not fail`);
}

async function busy({ driver, open }: Bench): Promise<void> {
  const { link } = await open();
  const error = await rejection({ driver, name: link.name });
  check(error.code === "EBUSY" && error.message.includes("choose another name"), error.message);
  const other = await rejection({ driver, name: "lo" });
  check(other.code === "EINVAL" && other.message.includes("not a TAP"), other.message);
  await link.close();
}

async function persistent({ driver }: Bench): Promise<void> {
  const name = "keep0";
  const options: TapOptions = { driver, name, address: "10.78.0.1/24", mtu: 1400 };
  const first = await openTap({ ...options, persist: true, owner: "nobody" });
  check(first.created, "made");
  await first.close();
  check(exists(name), "a persistent device outlives its link");
  const second = await openTap({ driver, name });
  check(!second.created && second.mtu === 1400 && second.hostAddress === "10.78.0.1/24", "and is found as it was");
  await second.close();
  const third = await openTap({ driver, name, address: "10.79.0.1/24", persist: false });
  check(third.hostAddress === "10.79.0.1/24", "an address is added, and told first");
  const list = (await run("ip", ["-4", "-br", "address", "show", "dev", name])).stdout;
  check(list.includes("10.78.0.1/24") && list.includes("10.79.0.1/24"), `none was taken away: ${list}`);
  await third.close();
  check(!exists(name), "persist: false undoes it");
}

const OURS: readonly TapDriverName[] = ["native", "ffi-napi"];
const NATIVE: readonly TapDriverName[] = ["native"];

/** What every driver must do, in the order in which it is tried. */
export const CASES: readonly DriverCase[] = [
  { name: "opens a device and configures the host's side", body: opens },
  { name: "answers ARP and ping", body: pings },
  { name: "carries datagrams of every size both ways", body: echoes },
  { name: "takes a burst in batches", body: batches },
  { name: "carries 9000 byte packets when the MTU says so", body: mtu },
  { name: "delivers plain frames with complete checksums when the host wants no offload", body: plain },
  { name: "delivers GSO frames whole, with partial checksums", drivers: NATIVE, body: offloadIn },
  { name: "sends GSO frames of many pieces, with partial checksums", drivers: NATIVE, body: offloadOut },
  { name: "works without a vnet header", drivers: NATIVE, body: withoutHeader },
  { name: "ends with one clear error when the device is deleted", body: deleted },
  { name: "closes completely, as often as asked", body: closes },
  { name: "lets exceptions of the stack out, and goes on", body: throws },
  { name: "drops and counts while the interface is down", drivers: OURS, body: interfaceDown },
  { name: "refuses a device in use and one that is no TAP", drivers: OURS, body: busy },
  { name: "makes, finds and unmakes a persistent device", drivers: OURS, body: persistent },
];

export { ADDRESS };
