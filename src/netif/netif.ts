import { lowerRow } from "../link/gso.js";
import {
  LINK_CSUM,
  LINK_TSO4,
  LINK_USO4,
  type Link,
  type LinkHost,
  RX_FLAGS,
  RX_FRAME,
  RX_GSO,
  RX_LENGTH,
  RX_STRIDE,
} from "../link/link.js";
import { GSO_TCP4, TxQueue } from "../link/tx-queue.js";
import type { Addr } from "../wire/address.js";
import { ETH_HEADER, ETHERTYPE_ARP, ETHERTYPE_IPV4, macHigh, macLow } from "../wire/ethernet.js";
import type { InterfaceAddress } from "./address.js";
import type { NetifCounters } from "./counters.js";
import type { Environment } from "./environment.js";
import { RxPacket } from "./packet.js";

// A constant of this module is folded into the code; one that is imported is loaded and checked at every use.
const FRAME = RX_FRAME;
const LENGTH = RX_LENGTH;
const FLAGS = RX_FLAGS;
const GSO = RX_GSO;
const STRIDE = RX_STRIDE;
const HEADER = ETH_HEADER;
const IPV4 = ETHERTYPE_IPV4;
const ARP = ETHERTYPE_ARP;

/** Frames of a batch for which a look ahead may pay. */
const MANY = 8;

/** What stands above an interface; registered by the IP layer. */
export interface NetifClient {
  /** A batch of frames is about to come; see Ahead in ip/transport.ts. */
  lookAhead(rows: Int32Array, count: number, headroom: number): void;
  /** An IP packet: [ip, end) of the frame, with its padding. The record holds what the link header said. */
  ipInput(packet: RxPacket, ip: number, end: number): void;
  /** An ARP packet: [at, end), behind the Ethernet header of the frame. */
  arpInput(netif: Netif, frame: number, at: number, end: number): void;
}

const NO_CLIENT: NetifClient = {
  lookAhead: () => {},
  ipInput: (packet) => {
    packet.netif.counters.TapstackInDown++;
  },
  arpInput: (netif) => {
    netif.counters.TapstackInDown++;
  },
};

/** An interface: one attached link, its addresses, and the frames on their way to it. */
export class Netif {
  readonly name: string;
  /** 1, 2, ... in the order of attaching, never used again. */
  readonly index: number;
  readonly link: Link;
  readonly tx: TxQueue;
  readonly ethernet: boolean;
  /** Bytes that precede the IP header of a frame: 14 or 0. */
  readonly headroom: number;
  readonly counters: NetifCounters;
  /** Largest IP packet. */
  mtu: number;
  /** Our MAC address: 6 bytes, and the same as its first 2 and last 4 bytes. Zeros on "ip" links. */
  readonly mac: Uint8Array;
  readonly macHigh: number;
  readonly macLow: number;
  /** Changed through Ipv4.addAddress and removeAddress only. */
  addresses: readonly InterfaceAddress[] = [];
  /** 127.0.0.0/8 and packets to our own addresses go here. */
  readonly loopback: boolean;
  /** LINK_* bits of the open link. */
  features = 0;
  up = false;
  /** For listings, as `ip -s link`. */
  rxFrames = 0;
  rxBytes = 0;
  txFrames = 0;
  /** The first row since the last flush was committed; stack/turns.ts sees to a flush. */
  onPending: (netif: Netif) => void = () => {};
  client: NetifClient = NO_CLIENT;
  private readonly packet: RxPacket;
  private readonly dv: DataView;
  private raised = false;
  /** Rows of `tx` with a segment size that the link cannot deal with: they are cut on their way out. */
  private gsoRows = 0;
  private lowered: TxQueue | null = null;
  private readonly env: Environment;

  /**
   * @param mac 6 bytes, for an "ethernet" link; default: the link's own suggestion, else a random local one
   * @param loopback the link leads back to this stack
   */
  constructor(
    env: Environment,
    link: Link,
    index: number,
    counters: NetifCounters,
    mac?: Uint8Array,
    loopback = false,
  ) {
    this.env = env;
    this.name = link.name;
    this.index = index;
    this.link = link;
    this.counters = counters;
    this.ethernet = link.layer === "ethernet";
    this.headroom = this.ethernet ? ETH_HEADER : 0;
    this.mtu = link.mtu;
    this.mac = this.ethernet ? Uint8Array.from(mac ?? link.mac ?? randomMac(env)) : new Uint8Array(6);
    this.macHigh = macHigh(this.mac);
    this.macLow = macLow(this.mac);
    this.loopback = loopback;
    this.dv = env.memory.dv;
    this.tx = new TxQueue(env.memory, env.pool);
    this.packet = new RxPacket(this);
  }

  /**
   * Opens the link, whose features and MTU are final from then on. Throws what the link throws, and ENOMEM; the
   * object is then of no use, and closing the link is the caller's.
   */
  open(host: LinkHost): void {
    try {
      this.link.open(host);
      this.mtu = this.link.mtu;
      this.features = host.offload ? this.link.features : 0;
      if ((this.features & (LINK_TSO4 | LINK_USO4)) !== (LINK_TSO4 | LINK_USO4))
        this.lowered = new TxQueue(this.env.memory, this.env.pool);
    } catch (error) {
      this.tx.close();
      throw error;
    }
    this.up = true;
  }

  /** Whether L4 checksums may be left to the link. */
  get offloadsChecksum(): boolean {
    return (this.features & LINK_CSUM) !== 0;
  }

  /** The whole of a batch, as LinkHost.receive is given it. */
  receive(rows: Int32Array, count: number): void {
    if (count >= MANY) this.client.lookAhead(rows, count, this.headroom);
    let octets = 0;
    for (let i = 0, row = 0; i < count; i++, row += STRIDE) {
      const length = rows[row + LENGTH] as number;
      octets += length;
      this.row(rows[row + FRAME] as number, length, rows[row + FLAGS] as number, rows[row + GSO] as number);
    }
    this.count(count, octets);
  }

  /**
   * One received row: reads the link header and passes the frame up.
   * @param frame memory offset
   * @param flags RX_*
   * @param gso kind << 16 | size
   */
  input(frame: number, length: number, flags: number, gso: number): void {
    this.row(frame, length, flags, gso);
    this.count(1, length);
  }

  private row(frame: number, length: number, flags: number, gso: number): void {
    const { packet } = this;
    packet.frame = frame;
    packet.flags = flags;
    packet.gsoSize = gso & 0xffff;
    if (this.ethernet) this.ethernetInput(frame, frame + length);
    else {
      packet.linkMulticast = false;
      this.client.ipInput(packet, frame, frame + length);
    }
  }

  private count(frames: number, octets: number): void {
    this.counters.TapstackInFrames += frames;
    this.counters.TapstackInOctets += octets;
    this.rxFrames += frames;
    this.rxBytes += octets;
  }

  private ethernetInput(frame: number, end: number): void {
    const { dv, packet } = this;
    if (end - frame < HEADER) {
      this.counters.TapstackInRunts++;
      return;
    }
    const high = dv.getUint16(frame);
    // The group bit is the lowest of the first byte; ff:ff:ff:ff:ff:ff has it too.
    const multicast = (high & 0x0100) !== 0;
    if (!multicast && (dv.getInt32(frame + 2) !== this.macLow || high !== this.macHigh)) {
      this.counters.TapstackInOtherHost++;
      return;
    }
    packet.linkMulticast = multicast;
    const type = dv.getInt32(frame + 10) & 0xffff;
    if (type === IPV4) this.client.ipInput(packet, frame + HEADER, end);
    else if (type === ARP) this.client.arpInput(this, frame, frame + HEADER, end);
    else this.counters.TapstackInUnknownEthertype++;
  }

  /**
   * Finishes the row begun in `tx`; parameters as TxQueue.commit. A segment size that the link cannot deal with is
   * dealt with here when the row goes out.
   */
  commit(head: number, headLength: number, length: number, gso: number, csum: number, headers: number): void {
    this.tx.commit(head, headLength, length, gso, csum, headers);
    this.committed(gso);
  }

  /** A row with that TX_GSO was committed to `tx` directly: what is left of {@link commit}. */
  committed(gso: number): void {
    if (gso !== 0 && (this.features & (gso >>> 16 === GSO_TCP4 ? LINK_TSO4 : LINK_USO4)) === 0) this.gsoRows++;
    this.pend();
  }

  /** Says that rows wait, unless that is known. */
  pend(): void {
    if (this.raised) return;
    this.raised = true;
    this.onPending(this);
  }

  /** Hands the link what waits. What it does not take now stays, until LinkHost.writable and the next flush. */
  flush(): void {
    this.raised = false;
    const { lowered, tx } = this;
    if (!this.up) {
      tx.reset();
      return;
    }
    if (lowered !== null && (this.gsoRows > 0 || lowered.pending > 0)) this.flushLowered(lowered);
    else if (tx.pending > 0) this.send(tx);
  }

  /** The link is gone: nothing more is sent. */
  down(): void {
    this.up = false;
    this.tx.reset();
    this.lowered?.reset();
    this.gsoRows = 0;
  }

  /** Closes the link and gives back the memory. The object is of no use afterwards. */
  async close(): Promise<void> {
    this.down();
    this.client = NO_CLIENT;
    try {
      await this.link.close();
    } finally {
      this.tx.close();
      this.lowered?.close();
      this.lowered = null;
    }
  }

  /** The address of ours that a neighbour at `peer` would expect us to use; 0: this interface has none. */
  sourceFor(peer: Addr): Addr {
    const { addresses } = this;
    for (let i = 0; i < addresses.length; i++) {
      const a = addresses[i] as InterfaceAddress;
      if (((a.addr ^ peer) & a.mask) === 0) return a.addr;
    }
    return addresses.length > 0 ? (addresses[0] as InterfaceAddress).addr : 0;
  }

  /** Whether `addr` is one of this interface's own. */
  hasAddress(addr: Addr): boolean {
    const { addresses } = this;
    for (let i = 0; i < addresses.length; i++) if ((addresses[i] as InterfaceAddress).addr === addr) return true;
    return false;
  }

  private send(queue: TxQueue): void {
    const taken = this.link.transmit(queue);
    this.txFrames += taken;
    this.counters.TapstackOutFrames += taken;
    queue.take(taken);
  }

  private flushLowered(lowered: TxQueue): void {
    const { tx, link } = this;
    do {
      while (tx.pending > 0 && lowerRow(tx, tx.taken, lowered, link.layer)) tx.take(1);
      if (lowered.pending === 0 && tx.pending > 0) {
        // It does not even fit an empty queue.
        this.counters.TapstackOutQueueFull++;
        tx.take(1);
      }
      if (lowered.pending > 0) this.send(lowered);
    } while (lowered.pending === 0 && tx.pending > 0);
    if (tx.pending === 0) this.gsoRows = 0;
  }
}

/** A random unicast address with the locally administered bit. */
function randomMac(env: Environment): Uint8Array {
  const a = env.random.int32();
  const b = env.random.int32();
  return Uint8Array.of(2, a >>> 24, (a >>> 16) & 255, (a >>> 8) & 255, b >>> 24, (b >>> 16) & 255);
}
