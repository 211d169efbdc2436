import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { Bridge } from "../../../bench/goodput/bridge.js";
import { openTap, type TapLink } from "../../../src/link/tap/index.js";
import { RealClock } from "../../../src/platform/clock.js";
import { SystemRandom } from "../../../src/platform/random.js";
import { createStack, type Stack } from "../../../src/stack.js";
import { formatMac } from "../../../src/wire/address.js";
import type { End } from "./end.js";
import { KernelHost } from "./kernel-host.js";
import { OurEnd } from "./our-end.js";
import { Wire } from "./wire.js";

/** Whose TCP the near end is: ours, or for comparison the kernel's. The far end is the kernel's, always. */
export type Near = "ours" | "kernel";

/** The far end's address and the near end's, on a network for each {@link Near}. */
const FAR: Readonly<Record<Near, string>> = { ours: "10.88.1.1", kernel: "10.88.2.1" };
const NEAR: Readonly<Record<Near, string>> = { ours: "10.88.1.2", kernel: "10.88.2.2" };

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

/** `ip ARGS`. Throws with what it said. */
export function ip(...args: readonly string[]): void {
  const { status, stderr } = spawnSync("ip", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`ip ${args.join(" ")}: ${stderr.trim()}`);
}

function inside(netns: string): readonly string[] {
  return netns === "" ? [] : ["-n", netns];
}

/** The kernel's side of a TAP: address, neighbour, and CUBIC, which a namespace may refuse as its default. */
function configure(netns: string, device: string, address: string, neighbour: string, mac: string): void {
  const at = inside(netns);
  ip(...at, "address", "add", `${address}/24`, "dev", device);
  ip(...at, "link", "set", device, "up");
  ip(...at, "neigh", "replace", neighbour, "lladdr", mac, "dev", device, "nud", "permanent");
  const network = address.replace(/\.\d+$/, ".0/24");
  const route = ["proto", "kernel", "scope", "link", "src", address, "congctl", "cubic"];
  ip(...at, "route", "replace", network, "dev", device, ...route);
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
    ip("link", "set", "ktb", "netns", this.other);
    configure("", "ktours", FAR.ours, NEAR.ours, formatMac(ours.mac));
    configure("", "kta", FAR.kernel, NEAR.kernel, formatMac(b.hostMac));
    configure(this.other, "ktb", NEAR.kernel, FAR.kernel, formatMac(a.hostMac));
    const wires = { ours: new Wire(ours), kernel: new Wire(a) };
    this.wires = wires;
    this.bridge = new Bridge(wires.kernel.link, b, this.clock, new SystemRandom());
    this.stack = createStack({ clock: this.clock, memory: MEMORY, config: BUFFERS });
    await this.stack.attach(wires.ours.link, {
      address: `${NEAR.ours}/24`,
      neighbours: { [FAR.ours]: formatMac(ours.hostMac) },
      conflictDetection: "off",
    });
    await Promise.all([this.far.started(), this.otherHost.started()]);
  }

  wire(near: Near): Wire {
    return (this.wires as Record<Near, Wire>)[near];
  }

  nearEnd(near: Near, flow: number): End {
    if (near === "ours") return new OurEnd(this.stack as Stack, FAR.ours);
    return this.otherHost.end(flow, FAR.kernel);
  }

  farEnd(near: Near, flow: number): End {
    return this.far.end(flow, NEAR[near]);
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
  }

  /** A TAP without offloads, so that every frame is a segment and has its checksum. */
  private tap(name: string): Promise<TapLink> {
    return openTap({ name, offload: false });
  }
}
