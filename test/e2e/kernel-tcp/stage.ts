import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { Bridge } from "../../../bench/goodput/bridge.js";
import type { Link } from "../../../src/link/link.js";
import { memoryLinkPair } from "../../../src/link/memory.js";
import { openTap, type TapLink } from "../../../src/link/tap/index.js";
import { RealClock } from "../../../src/platform/clock.js";
import { SystemRandom } from "../../../src/platform/random.js";
import { createStack, type Stack } from "../../../src/stack.js";
import { formatMac } from "../../../src/wire/address.js";
import type { End } from "./end.js";
import { KernelHost } from "./kernel-host.js";
import { OurEnd } from "./our-end.js";
import { Router } from "./router.js";
import { type Teller, Wire } from "./wire.js";

/** Whose TCP the near end is: ours, or for comparison the kernel's. The far end is the kernel's, always. */
export type Near = "ours" | "kernel";

/** Room for all that a script writes at a time: when a FIN finds its data still waiting must not hang on our timing. */
const BUFFERS: Readonly<Record<string, string>> = {
  "net.ipv4.tcp_rmem": "4096 131072 6291456",
  "net.ipv4.tcp_wmem": "4096 524288 4194304",
};
const SETTINGS: Readonly<Record<string, string>> = {
  ...BUFFERS,
  // A connection must not begin with what an earlier one learnt.
  "net.ipv4.tcp_no_metrics_save": "1",
};
const MEMORY = 64 << 20;
/** The hosts' addresses towards the routers that tell them of a smaller MTU. */
const [FAR_ROUTER, NEAR_ROUTER, OUR_ROUTER] = ["10.88.3.1", "10.88.4.1", "10.88.5.1"];
/** What they tell. */
export const PATH_MTU = 1200;

/** `ip -batch` in a namespace; empty: where we are. Throws with what it said. */
function ipBatch(netns: string, lines: readonly string[]): void {
  const args = [...(netns === "" ? [] : ["-n", netns]), "-batch", "-"];
  const { status, stderr } = spawnSync("ip", args, { encoding: "utf8", input: `${lines.join("\n")}\n` });
  if (status !== 0) throw new Error(`ip: ${stderr.trim()}`);
}

/** The networks' first three octets. */
const NETWORKS: Readonly<Record<Near, string>> = { ours: "10.88.1", kernel: "10.88.2" };
/** Last octets of the ends' usual addresses, and of the first of those for flows that want some of their own. */
const [FAR_HOST, NEAR_HOST, FAR_OWN, NEAR_OWN] = [1, 2, 11, 131];
/** Pairs of such addresses. */
const PAIRS = 48;

/** The addresses of a flow's ends. */
export interface Pair {
  readonly far: string;
  readonly near: string;
}

function pairs(near: Near): Pair[] {
  const network = NETWORKS[near];
  const own = Array.from({ length: PAIRS }, (_, i) => [FAR_OWN + i, NEAR_OWN + i] as const);
  const hosts = [[FAR_HOST, NEAR_HOST] as const, ...own];
  return hosts.map(([a, b]) => ({ far: `${network}.${a}`, near: `${network}.${b}` }));
}

/**
 * The kernel's side of a TAP: addresses, neighbours, and CUBIC, which a namespace may refuse as its default.
 * @param own and the neighbours' in the same order
 */
function configure(
  netns: string,
  device: string,
  own: readonly string[],
  others: readonly string[],
  mac: string,
): void {
  const network = (own[0] as string).replace(/\.\d+$/, ".0/24");
  ipBatch(netns, [
    ...own.map((address) => `address add ${address}/24 dev ${device}`),
    `link set ${device} up`,
    ...others.map((address) => `neigh replace ${address} lladdr ${mac} dev ${device} nud permanent`),
    `route replace ${network} dev ${device} proto kernel scope link src ${own[0]} congctl cubic`,
  ]);
}

/** A socket that is left: port of the flow, state in `ss`'s words. */
export interface Left {
  readonly port: number;
  readonly state: string;
}

function portOf(local: number, remote: number): number {
  return Math.min(local, remote);
}

function kernelSockets(netns: string): Left[] {
  const words = ["ss", "-Htan"];
  const [command, ...args] = netns === "" ? words : ["ip", "netns", "exec", netns, ...words];
  const { stdout } = spawnSync(command as string, args, { encoding: "utf8" });
  const lines = stdout.split("\n").filter((line) => line !== "");
  return lines.map((line) => {
    const [state, , , local, remote] = line.split(/\s+/) as [string, string, string, string, string];
    const port = (text: string): number => Number(text.split(":").at(-1)) || 65_536;
    return { port: portOf(port(local), port(remote)), state };
  });
}

/**
 * The networks that scripts are played on. We are in the namespace of the far end; with the kernel at both ends the
 * near end is in namespace `other`, and a bridge in this process between.
 */
export class Stage {
  private readonly other: string;
  private readonly clock = new RealClock();
  private readonly far: KernelHost;
  private readonly otherHost: KernelHost;
  private wires: Readonly<Record<Near, Wire>> | null = null;
  private stack: Stack | null = null;
  private bridge: Bridge | null = null;
  private readonly routers: Router[] = [];
  private readonly pairs: Readonly<Record<Near, Pair[]>> = { ours: pairs("ours"), kernel: pairs("kernel") };
  private readonly taken: Record<Near, number> = { ours: 0, kernel: 0 };

  constructor(other: string) {
    this.other = other;
    this.far = new KernelHost("");
    this.otherHost = new KernelHost(other);
  }

  async open(): Promise<void> {
    for (const [name, value] of Object.entries(SETTINGS)) {
      const file = `/proc/sys/${name.replaceAll(".", "/")}`;
      writeFileSync(file, value);
      const args = ["netns", "exec", this.other, "sh", "-c", `echo ${value} >${file}`];
      if (spawnSync("ip", args).status !== 0) throw new Error(`${name} cannot be set`);
    }
    const [ours, a, b] = [await this.tap("ktours"), await this.tap("kta"), await this.tap("ktb")];
    ipBatch("", [`link set ktb netns ${this.other}`]);
    const hosts = (near: Near, end: keyof Pair): string[] => this.pairs[near].map((pair) => pair[end]);
    configure("", "ktours", hosts("ours", "far"), hosts("ours", "near"), formatMac(ours.mac));
    configure("", "kta", hosts("kernel", "far"), hosts("kernel", "near"), formatMac(b.hostMac));
    configure(this.other, "ktb", hosts("kernel", "near"), hosts("kernel", "far"), formatMac(a.hostMac));
    const stack = createStack({ clock: this.clock, memory: MEMORY, config: BUFFERS });
    this.stack = stack;
    const [farRouter, nearRouter, ourRouter] = [
      await this.router("ktfar", FAR_ROUTER, ""),
      await this.router("ktnear", NEAR_ROUTER, this.other),
      await this.ourRouter(stack),
    ];
    const wires = {
      ours: new Wire(ours, { tx: ourRouter, rx: farRouter }),
      kernel: new Wire(a, { tx: nearRouter, rx: farRouter }),
    };
    this.wires = wires;
    this.bridge = new Bridge(wires.kernel.link, b, this.clock, new SystemRandom());
    await stack.attach(wires.ours.link, {
      address: hosts("ours", "near").map((address) => `${address}/24`),
      neighbours: Object.fromEntries(hosts("ours", "far").map((address) => [address, formatMac(ours.hostMac)])),
      conflictDetection: "off",
    });
    await Promise.all([this.far.started(), this.otherHost.started()]);
  }

  wire(near: Near): Wire {
    return (this.wires as Record<Near, Wire>)[near];
  }

  /** The addresses of a flow's ends. @param own that no other flow has, since hosts remember what they learn of them */
  pair(near: Near, own: boolean): Pair {
    const all = this.pairs[near];
    if (own) this.taken[near]++;
    const pair = all[own ? this.taken[near] : 0];
    if (pair === undefined) throw new Error("there are no more addresses");
    return pair;
  }

  nearEnd(near: Near, flow: number, pair: Pair): End {
    if (near === "ours") return new OurEnd(this.stack as Stack, pair.near, pair.far);
    return this.otherHost.end(flow, pair.near, pair.far);
  }

  farEnd(flow: number, pair: Pair): End {
    return this.far.end(flow, pair.far, pair.near);
  }

  /** What there is at the near ends and at the far ones. */
  sockets(): { readonly near: Left[]; readonly far: Left[] } {
    const ours = (this.stack as Stack).sockets().map(({ localPort, remotePort, state }) => ({
      port: portOf(localPort || 65_536, remotePort || 65_536),
      state: state === "ESTABLISHED" ? "ESTAB" : state,
    }));
    return { near: [...ours, ...kernelSockets(this.other)], far: kernelSockets("") };
  }

  async close(): Promise<void> {
    await Promise.all([this.far.close(), this.otherHost.close()]);
    await this.stack?.close();
    await this.bridge?.close();
    for (const router of this.routers) await router.close();
  }

  /** A router on a network of its own with a kernel. */
  private async router(name: string, address: string, netns: string): Promise<Teller> {
    const tap = await this.tap(name);
    if (netns !== "") ipBatch("", [`link set ${name} netns ${netns}`]);
    ipBatch(netns, [`address add ${address}/24 dev ${name}`, `link set ${name} up`]);
    return this.teller(tap, tap.hostMac, address);
  }

  private async ourRouter(stack: Stack): Promise<Teller> {
    const [link, end] = memoryLinkPair();
    const tell = this.teller(link, end.mac as Uint8Array, OUR_ROUTER);
    await stack.attach(end, { address: `${OUR_ROUTER}/24`, conflictDetection: "off" });
    return tell;
  }

  private teller(link: Link, mac: Uint8Array, address: string): Teller {
    const router = new Router(link, mac, this.clock);
    this.routers.push(router);
    return (frame) => router.tooBig(frame, address.replace(/\d+$/, "9"), PATH_MTU);
  }

  /** A TAP without offloads, so that every frame is a segment and has its checksum. */
  private tap(name: string): Promise<TapLink> {
    return openTap({ name, offload: false });
  }
}
