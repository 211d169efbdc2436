import { EBADF, SystemError } from "../../base/errors.js";
import { formatAddr, type Prefix } from "../../wire/address.js";
import { LINK_CSUM, LINK_TSO4, LINK_USO4, type Link, type LinkHost, RX_STRIDE } from "../link.js";
import type { TxQueue } from "../tx-queue.js";
import { negotiateOffload, type TapDevice } from "./device.js";
import type { FramePort, PortEvents, SlotLayout, TapDriver, TapDriverName } from "./driver.js";
import { goneError } from "./errors.js";
import { OFFLOAD_TSO4, OFFLOAD_USO4 } from "./ioctl.js";
import { stackMac, type TapSettings } from "./options.js";
import { activityOf, lossesOf, slotLayout, type TapActivity } from "./port.js";

/** A TAP device as a link. Keeps the process alive, from openTap() on, until close() or unref(). */
export interface TapLink extends Link {
  readonly layer: "ethernet";
  readonly driver: TapDriverName;
  /** What the stack's side is suggested to be called; 6 bytes. */
  readonly mac: Uint8Array;
  /** What the host's side is called; 6 bytes. */
  readonly hostMac: Uint8Array;
  /** The host side's IPv4 address, `10.77.0.1/24`: the one asked for, or the first it has, or null. */
  readonly hostAddress: string | null;
  /** openTap() made the device; unless persistent it goes when the link is closed. */
  readonly created: boolean;
  /** Frames that the link lost, by counter name. */
  counters(): Readonly<Record<string, number>>;
  /** What it has done so far. */
  activity(): TapActivity;
  ref(): this;
  unref(): this;
}

export function formatPrefix(prefix: Prefix | undefined): string | null {
  return prefix === undefined ? null : `${formatAddr(prefix.addr)}/${prefix.length}`;
}

/** LINK_* for the TUN_F_* in force. */
export function featuresOf(offload: number): number {
  if (offload === 0) return 0;
  const tso = (offload & OFFLOAD_TSO4) !== 0 ? LINK_TSO4 : 0;
  return LINK_CSUM | tso | ((offload & OFFLOAD_USO4) !== 0 ? LINK_USO4 : 0);
}

/** The link over a file descriptor: the native and the ffi-napi drivers' one. */
export class DeviceLink implements TapLink, PortEvents {
  readonly layer = "ethernet";
  readonly driver: TapDriverName;
  readonly name: string;
  readonly mtu: number;
  readonly mac: Uint8Array;
  readonly hostMac: Uint8Array;
  readonly hostAddress: string | null;
  readonly created: boolean;
  features = 0;
  private readonly port: FramePort;
  private readonly device: TapDevice;
  private readonly tap: TapDriver;
  private readonly settings: TapSettings;
  private host: LinkHost | null = null;
  private layout: SlotLayout | null = null;
  private rows = new Int32Array(0);
  private closed: Promise<void> | null = null;

  constructor(driver: TapDriver, device: TapDevice, settings: TapSettings) {
    this.driver = driver.name;
    this.name = device.name;
    this.mtu = device.mtu;
    this.hostMac = device.hostMac;
    this.mac = settings.mac ?? stackMac(device.hostMac);
    this.hostAddress = formatPrefix(device.addresses[0]);
    this.created = device.created;
    this.tap = driver;
    this.device = device;
    this.settings = settings;
    this.port = driver.port(device.fd, device.header, this);
  }

  open(host: LinkHost): void {
    const { fd, header } = this.device;
    // The number may be another file's by now.
    if (this.closed !== null)
      throw new SystemError(EBADF, "open", { address: this.name, sentence: "this link is closed; open the TAP anew" });
    const offload = header > 0 ? negotiateOffload(this.tap.sys, fd, host.offload) : 0;
    this.features = featuresOf(offload);
    const { stride, slots } = slotLayout(0, this.mtu, offload !== 0);
    this.layout = slotLayout(host.memory.reserve(stride * slots), this.mtu, offload !== 0);
    this.rows = new Int32Array(slots * RX_STRIDE);
    this.host = host;
    this.port.start(host, this.layout, this.rows, this.settings.spin);
  }

  transmit(queue: TxQueue): number {
    // A closed link takes everything, so that nothing waits for it.
    return this.closed === null ? this.port.transmit(queue) : queue.pending;
  }

  close(): Promise<void> {
    this.closed ??= this.release();
    return this.closed;
  }

  counters(): Readonly<Record<string, number>> {
    return lossesOf(this.port.counts);
  }

  activity(): TapActivity {
    return activityOf(this.port.counts);
  }

  ref(): this {
    this.port.hold(true);
    return this;
  }

  unref(): this {
    this.port.hold(false);
    return this;
  }

  batch(count: number): void {
    this.host?.receive(this.rows, count);
  }

  writable(): void {
    this.host?.writable();
  }

  down(errno: number): void {
    const { host } = this;
    if (this.closed !== null) return;
    const error = goneError(errno, this.name);
    this.close();
    host?.down(error);
  }

  private async release(): Promise<void> {
    const { host, layout } = this;
    this.host = null;
    await this.port.close();
    if (host !== null && layout !== null) host.memory.release(layout.base, layout.stride * layout.slots);
  }
}
