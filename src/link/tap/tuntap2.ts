import { EINVAL, SystemError } from "../../base/errors.js";
import { formatAddr, formatMac, parseMac } from "../../wire/address.js";
import type { LinkHost } from "../link.js";
import { type FrameStream, type StreamLink, streamLink } from "../stream.js";
import type { TxQueue } from "../tx-queue.js";
import { failure } from "./errors.js";
import type { TapLink } from "./link.js";
import { exportOf, loadOptional } from "./modules.js";
import { stackMac, type TapSettings } from "./options.js";
import type { TapActivity } from "./port.js";

/** tuntap2's Tap: a Duplex with one frame a chunk. Its properties can be read only once it is up. */
interface Tuntap2Tap extends FrameStream {
  readonly name: string;
  mac: string;
  mtu: number;
  ipv4: string;
  isUp: boolean;
  release(): void;
}

type Tuntap2Class = new () => Tuntap2Tap;

const MTU_DEFAULT = 1500;

/** What the package cannot do is refused, not forgotten. */
function checkSupport(settings: TapSettings): void {
  const refuse = (what: string): never => {
    throw new SystemError(EINVAL, "openTap", { sentence: `the tuntap2 driver ${what}; the native driver can do it` });
  };
  if (settings.named) refuse("names its device itself: leave the name out");
  if (settings.persist === true) refuse("makes no persistent devices");
  if (settings.owner !== null) refuse("gives devices to nobody");
}

/** tuntap2 throws whatever its addon says; make it an error of ours. */
function openError(error: unknown): SystemError {
  const text = error instanceof Error ? error.message : String(error);
  const errno = (error as { errno?: unknown } | null)?.errno;
  const sentence = `tuntap2 could not make a TAP (${text}); it takes root and /dev/net/tun`;
  return failure(typeof errno === "number" ? errno : 1, "openTap", "tuntap2", sentence);
}

function configure(tap: Tuntap2Tap, settings: TapSettings): void {
  tap.mtu = settings.mtu ?? MTU_DEFAULT;
  if (settings.hostMac !== null) tap.mac = formatMac(settings.hostMac);
  if (settings.address !== null) tap.ipv4 = `${formatAddr(settings.address.addr)}/${settings.address.length}`;
  tap.isUp = true;
}

/** A stream link that knows what TAP it is over. */
class Tuntap2Link implements TapLink {
  readonly layer = "ethernet";
  readonly driver = "tuntap2";
  readonly features = 0;
  readonly created = true;
  readonly name: string;
  readonly mtu: number;
  readonly mac: Uint8Array;
  readonly hostMac: Uint8Array;
  readonly hostAddress: string | null;
  private readonly tap: Tuntap2Tap;
  private readonly stream: StreamLink;
  private framesIn = 0;
  private framesOut = 0;
  private batches = 0;
  private blocked = 0;
  private closed = false;

  constructor(tap: Tuntap2Tap, settings: TapSettings) {
    this.tap = tap;
    this.name = tap.name;
    this.mtu = settings.mtu ?? MTU_DEFAULT;
    this.hostMac = settings.hostMac ?? parseMac(tap.mac) ?? new Uint8Array(6);
    this.mac = settings.mac ?? stackMac(this.hostMac);
    const { address } = settings;
    this.hostAddress = address === null ? null : `${formatAddr(address.addr)}/${address.length}`;
    this.stream = streamLink(tap, { layer: "ethernet", mtu: this.mtu, mac: this.mac, name: this.name });
  }

  open(host: LinkHost): void {
    this.stream.open({
      memory: host.memory,
      pool: host.pool,
      clock: host.clock,
      random: host.random,
      offload: false,
      receive: (rows, count) => {
        this.framesIn += count;
        this.batches++;
        host.receive(rows, count);
      },
      writable: () => host.writable(),
      down: (error) => {
        this.close();
        host.down(error);
      },
    });
  }

  transmit(queue: TxQueue): number {
    const taken = this.stream.transmit(queue);
    this.framesOut += taken;
    if (taken < queue.pending) this.blocked++;
    return taken;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.stream.close();
    this.tap.release();
  }

  counters(): Readonly<Record<string, number>> {
    return this.stream.counters();
  }

  activity(): TapActivity {
    const { framesIn, framesOut, batches, blocked } = this;
    return { framesIn, framesOut, batches, wakeups: framesIn, blocked };
  }

  /** The package's reads are thread pool requests: they keep the process alive, and nothing can change that. */
  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}

/** Opens a TAP by the package tuntap2, in whatever way it does that. */
export async function openTuntap2(settings: TapSettings): Promise<TapLink> {
  checkSupport(settings);
  const Tap = exportOf<Tuntap2Class>(await loadOptional("tuntap2", settings.modulePath), "Tap");
  if (Tap === undefined) throw new SystemError(EINVAL, "openTap", { sentence: "the package tuntap2 has no class Tap" });
  let tap: Tuntap2Tap | null = null;
  try {
    tap = new Tap();
    configure(tap, settings);
    return new Tuntap2Link(tap, settings);
  } catch (error) {
    tap?.release();
    throw openError(error);
  }
}
