import type { Config, Setting, SettingValue } from "../base/config.js";
import { EINVAL, SystemError } from "../base/errors.js";
import { PortBitmap } from "./port-bitmap.js";

export const PORT_SETTINGS: readonly Setting[] = [
  {
    name: "net.ipv4.ip_local_port_range",
    doc: "First and last ephemeral port, for sockets that do not say which port they want.",
    default: [32768, 60999],
    min: 1,
    max: 65535,
    check: (value) => {
      const [low, high] = value as readonly number[];
      return (low as number) > (high as number) ? "the first port is above the last" : null;
    },
  },
  {
    name: "net.ipv4.ip_local_reserved_ports",
    doc: "Ports never chosen as ephemeral, though they can be bound: a list such as 8080,9148-9150.",
    default: "",
    check: (value) =>
      parsePortList(value as string) === null ? `${value} is not a list such as 8080,9148-9150` : null,
  },
  {
    name: "net.ipv4.ip_unprivileged_port_start",
    doc:
      "Binding a port below this fails with EACCES. Linux's default is 1024; here whoever runs the stack owns all " +
      "of its ports, so it is 0.",
    default: 0,
    min: 0,
    max: 65535,
  },
  {
    name: "net.ipv4.ip_autobind_reuse",
    doc: "1: a TCP bind to port 0 may share a port with other SO_REUSEADDR sockets once all ports are taken.",
    default: 0,
    min: 0,
    max: 1,
  },
];

/** Pairs of first and last port, or null when the text is not a list of ports and ranges. */
export function parsePortList(text: string): readonly (readonly [number, number])[] | null {
  if (text.trim() === "") return [];
  const ranges: [number, number][] = [];
  for (const part of text.split(",")) {
    const match = /^\s*(\d{1,5})\s*(?:-\s*(\d{1,5})\s*)?$/.exec(part);
    if (match === null) return null;
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    if (first > last || last > 65535) return null;
    ranges.push([first, last]);
  }
  return ranges;
}

/** Which ports may be chosen, as the settings have it now: one for all protocols of a stack. */
export class PortRange {
  /** First and last ephemeral port of this stack's slice. */
  low = 0;
  high = 0;
  unprivilegedStart = 0;
  autobindReuse = false;
  reserved: PortBitmap = new PortBitmap();

  /**
   * @param slice the range is cut into `count` equal slices, and ports come from the one numbered `index`: stacks in
   * several workers can then share one address
   */
  constructor(config: Config, slice: { index: number; count: number } = { index: 0, count: 1 }) {
    if (!(slice.count >= 1 && slice.index >= 0 && slice.index < slice.count))
      throw new SystemError(EINVAL, "ports", {
        sentence: `no slice ${slice.index} of ${slice.count}`,
      });
    config.watch<readonly number[]>("net.ipv4.ip_local_port_range", (range) => this.cut(range, slice));
    config.watch<number>("net.ipv4.ip_unprivileged_port_start", (start) => {
      this.unprivilegedStart = start;
    });
    config.watch<number>("net.ipv4.ip_autobind_reuse", (value) => {
      this.autobindReuse = value === 1;
    });
    config.watch<SettingValue>("net.ipv4.ip_local_reserved_ports", (text) => this.reserve(text as string));
  }

  /** Ports in the slice. */
  get size(): number {
    return this.high - this.low + 1;
  }

  private cut(range: readonly number[], slice: { index: number; count: number }): void {
    const [low, high] = range as readonly [number, number];
    const size = high - low + 1;
    this.low = low + Math.floor((size * slice.index) / slice.count);
    this.high = low + Math.floor((size * (slice.index + 1)) / slice.count) - 1;
  }

  private reserve(text: string): void {
    const reserved = new PortBitmap();
    for (const [first, last] of parsePortList(text) ?? []) for (let p = first; p <= last; p++) reserved.add(p);
    this.reserved = reserved;
  }
}
