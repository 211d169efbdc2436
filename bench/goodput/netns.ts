import { spawnSync } from "node:child_process";
import { BUFFERS } from "./cells.js";

const SETTINGS: Readonly<Record<string, string>> = {
  ...BUFFERS,
  // A connection must not begin with what an earlier one learnt.
  "net.ipv4.tcp_no_metrics_save": "1",
  // Router solicitations would take their share of the frames that chance picks.
  "net.ipv6.conf.all.disable_ipv6": "1",
  "net.ipv6.conf.default.disable_ipv6": "1",
};

/** `ip ARGS`. @throws Error with what it said */
export function ip(args: readonly string[], input = ""): string {
  const { status, stdout, stderr, error } = spawnSync("ip", args, { encoding: "utf8", input });
  if (error !== undefined) throw new Error(`ip: ${error.message}; apt-get install iproute2`);
  if (status !== 0) throw new Error(`ip ${args.join(" ")}: ${stderr.trim()}`);
  return stdout;
}

/** `ip -batch` on a namespace. */
export function ipBatch(netns: string, lines: readonly string[]): void {
  if (lines.length > 0) ip(["-n", netns, "-batch", "-"], `${lines.join("\n")}\n`);
}

/** Where a namespace can be entered. */
export function netnsPath(name: string): string {
  return `/run/netns/${name}`;
}

/** Makes namespaces that are removed when the process ends, and sets what the kernel's TCP must have there. */
export function makeNetns(names: readonly string[]): void {
  process.once("exit", () => {
    for (const name of names) spawnSync("ip", ["netns", "del", name]);
  });
  for (const name of names) {
    ip(["netns", "add", name]);
    ip(["-n", name, "link", "set", "lo", "up"]);
    for (const [setting, value] of Object.entries(SETTINGS)) {
      const file = `/proc/sys/${setting.replaceAll(".", "/")}`;
      // Where there is no IPv6 there is nothing to switch off.
      const script = setting.includes("ipv6")
        ? `[ ! -e ${file} ] || echo ${value} > ${file}`
        : `echo "${value}" > ${file}`;
      ip(["netns", "exec", name, "sh", "-c", script]);
    }
  }
}

/** Frames that the kernel dropped on their way into a device because nobody had read those before them. */
export function droppedByDevice(netns: string): Map<string, number> {
  const links = JSON.parse(ip(["-n", netns, "-s", "-j", "link", "show"])) as readonly {
    ifname: string;
    stats64?: { tx?: { dropped?: number } };
  }[];
  return new Map(links.map((link) => [link.ifname, link.stats64?.tx?.dropped ?? 0]));
}
