import type { LinkHost } from "../../src/link/link.js";
import { RX_CSUM_VALID, RX_STRIDE } from "../../src/link/link.js";
import { complement, fold, pseudoSum4 } from "../../src/wire/checksum.js";
import { ACK, PSH, SYN } from "../../src/wire/tcp.js";

/** Rows of a batch, batches of a timed section, frames of one. */
export const BATCH = 64;
export const BATCHES = 4;
export const GROUP = BATCH * BATCHES;
const ORDER = 1 << 20;

export const LOCAL = 0x0a4d0002;
export const LOCAL_TEXT = "10.77.0.2/24";
export const GATEWAY_TEXT = "10.77.0.1";
export const GATEWAY_MAC = "02:77:00:00:00:01";
export const TCP_PORT = 5000;
/** UDP sockets are bound to 1024 ports from here. */
export const UDP_PORT = 5000;
export const CLOSED_PORT = 4999;
const PEERS = 0xc6120001 | 0; // 198.18.0.1 and on, RFC 2544's

/** Whom frame `i` comes from: one of 1024 hosts behind the gateway. */
export const remoteOf = (i: number): number => (PEERS + (i & 1023)) | 0;
export const remotePortOf = (i: number): number => 10_000 + (i >> 10);
export const udpPortOf = (i: number): number => UDP_PORT + (i & 1023);
const peerOf = (addr: number, port: number): number => ((port - 10_000) << 10) | ((addr - PEERS) & 1023);

export type Protocol = "tcp" | "udp";
/** What is wrong with a frame, if anything. */
export type Kind = "hit" | "miss" | "malformed";

const TCP_HEADERS = 54;
/** nop,nop,TS (RFC 7323 appendix A). */
const TS_SPACE = 12;
const TS_WORD = 0x0101080a;
const UDP_HEADERS = 42;

/**
 * Frames in receive slots, rewritten in place for each group: every frame is the next that its connection would get, with
 * the sequence number moved on. Connections take turns at random. bench/reference/dispatch.c makes the same.
 */
export class Traffic {
  /** One array of rows per batch; they never change, the bytes of the frames do. */
  readonly batches: readonly Int32Array[];
  readonly size: number;
  /**
   * What a batch moves time on by: 100 ns a frame, as in the reference. Time stands while other frames come than TCP's
   * own, so that no connection ever seems idle.
   */
  batchMicros = 0;
  private readonly protocol: Protocol;
  private readonly host: LinkHost;
  private readonly software: boolean;
  /** Bytes of options in a segment: timestamps, or none. */
  private readonly options: number;
  private readonly slots: number;
  private readonly stride: number;
  private readonly order: Int32Array;
  /** What the peers send next, and what they acknowledge. */
  private readonly seqs: Int32Array;
  private readonly acks: Int32Array;
  private at = 0;
  private counter = 0;

  /**
   * @param size bytes of a frame
   * @param software transport checksums are complete, and rows do not vouch for them
   * @param stamped TCP's segments carry timestamps
   */
  constructor(
    host: LinkHost,
    protocol: Protocol,
    connections: number,
    size: number,
    software: boolean,
    stamped: boolean,
  ) {
    this.host = host;
    this.protocol = protocol;
    this.size = size;
    this.software = software;
    this.options = stamped && protocol === "tcp" ? TS_SPACE : 0;
    this.stride = (size + 2 + 127) & ~127;
    this.slots = host.memory.reserve(GROUP * this.stride);
    this.seqs = Int32Array.from({ length: connections }, (_, i) => Math.imul(i, 1_000_003));
    this.acks = new Int32Array(connections);
    this.order = new Int32Array(ORDER);
    let x = 2463534242 | 0;
    for (let k = 0; k < ORDER; k++) {
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      this.order[k] = (x >>> 0) % connections;
    }
    this.batches = Array.from({ length: BATCHES }, (_, b) => this.rowsOf(b));
    this.reset("hit");
  }

  /** Payload bytes of a frame. */
  get payload(): number {
    return this.size - (this.protocol === "tcp" ? TCP_HEADERS + this.options : UDP_HEADERS);
  }

  private rowsOf(batch: number): Int32Array {
    const rows = new Int32Array(BATCH * RX_STRIDE);
    for (let k = 0; k < BATCH; k++)
      rows.set([this.frameOf(batch * BATCH + k), this.size, this.software ? 0 : RX_CSUM_VALID, 0], k * RX_STRIDE);
    return rows;
  }

  private frameOf(slot: number): number {
    return this.slots + slot * this.stride + 2;
  }

  /** Writes everything that {@link prepare} leaves alone. */
  reset(kind: Kind): void {
    const { dv } = this.host.memory;
    const tcp = this.protocol === "tcp";
    this.batchMicros = tcp && kind === "hit" ? BATCH / 10 : 0;
    for (let k = 0; k < GROUP; k++) {
      const frame = this.frameOf(k);
      const row = this.batches[k >> 6] as Int32Array;
      row[(k & 63) * RX_STRIDE + 1] = this.size;
      writeHeaders(dv, frame, this.size, tcp);
      if (this.options > 0) {
        dv.setUint8(frame + 46, (20 + this.options) << 2);
        dv.setInt32(frame + 54, TS_WORD);
      }
      dv.setUint16(frame + 36, kind === "miss" ? CLOSED_PORT : tcp ? TCP_PORT : UDP_PORT);
    }
  }

  /** The next {@link GROUP} frames, in place. */
  prepare(): void {
    const { order, seqs, acks, size, options } = this;
    const { dv } = this.host.memory;
    const tcp = this.protocol === "tcp";
    const fixed = 0x4500 + (size - 14) + 0x4000 + 0x4000 + (tcp ? 6 : 17);
    for (let k = 0; k < GROUP; k++) {
      const i = order[this.at] as number;
      this.at = (this.at + 1) & (ORDER - 1);
      const ip = this.frameOf(k) + 14;
      const l4 = ip + 20;
      const remote = remoteOf(i);
      dv.setInt32(ip + 12, remote);
      dv.setUint16(ip + 10, complement(pseudoSum4(remote, LOCAL, fixed, 0)));
      dv.setUint16(l4, remotePortOf(i));
      this.counter = (this.counter + 1) | 0;
      if (tcp) {
        dv.setInt32(l4 + 4, seqs[i] as number);
        dv.setInt32(l4 + 8, acks[i] as number);
        dv.setInt32(l4 + 20 + options, this.counter);
        // The peer's clock stands, as it mostly does from one segment to the next
        if (options > 0) dv.setInt32(l4 + 24, 1);
        seqs[i] = ((seqs[i] as number) + size - TCP_HEADERS - options) | 0;
      } else {
        dv.setUint16(l4 + 2, udpPortOf(i));
        dv.setInt32(l4 + 8, this.counter);
      }
      if (this.software) this.seal(remote, l4);
    }
  }

  /** Frames to a closed port: only who sends them changes, and sequence numbers stay where they are. */
  prepareMiss(): void {
    const { order } = this;
    const { dv } = this.host.memory;
    const fixed = 0x4500 + (this.size - 14) + 0x4000 + 0x4000 + (this.protocol === "tcp" ? 6 : 17);
    for (let k = 0; k < GROUP; k++) {
      const i = order[this.at] as number;
      this.at = (this.at + 1) & (ORDER - 1);
      const ip = this.frameOf(k) + 14;
      const remote = remoteOf(i);
      dv.setInt32(ip + 12, remote);
      dv.setUint16(ip + 10, complement(pseudoSum4(remote, LOCAL, fixed, 0)));
      dv.setUint16(ip + 20, remotePortOf(i));
      if (this.software) this.seal(remote, ip + 20);
    }
  }

  /** Puts one of {@link FLAWS} into each frame, in turn. */
  spoil(): void {
    this.batchMicros = 0;
    const { dv } = this.host.memory;
    for (let k = 0; k < GROUP; k++) {
      const flaw = k % FLAWS.length;
      const length = (FLAWS[flaw] as Flaw).put(dv, this.frameOf(k));
      if (length >= 0) (this.batches[k >> 6] as Int32Array)[(k & 63) * RX_STRIDE + 1] = length;
    }
  }

  private seal(remote: number, l4: number): void {
    const { memory } = this.host;
    const tcp = this.protocol === "tcp";
    const at = l4 + (tcp ? 16 : 6);
    const length = this.size - 34;
    memory.dv.setUint16(at, 0);
    const sum = pseudoSum4(remote, LOCAL, tcp ? 6 : 17, length) + memory.sum(l4, length);
    memory.dv.setUint16(at, complement(sum));
  }

  /** A group's worth of SYNs, or of the ACKs that complete them, from `first` on; returns how many there were. */
  handshake(first: number, connections: number, flags: number): number {
    const { dv } = this.host.memory;
    const n = Math.min(GROUP, connections - first);
    const { options } = this;
    const total = (flags === SYN ? 48 : 40) + options;
    for (let k = 0; k < n; k++) {
      const i = first + k;
      const frame = this.frameOf(k);
      const l4 = frame + 34;
      writeHeaders(dv, frame, 14 + total, true);
      dv.setInt32(frame + 26, remoteOf(i));
      dv.setUint16(frame + 24, complement(pseudoSum4(remoteOf(i), LOCAL, 0x4500 + total + 0x8000 + 6, 0)));
      dv.setUint16(l4, remotePortOf(i));
      dv.setUint16(l4 + 2, TCP_PORT);
      const seq = this.seqs[i] as number;
      dv.setInt32(l4 + 4, flags === SYN ? seq - 1 : seq);
      dv.setInt32(l4 + 8, flags === SYN ? 0 : (this.acks[i] as number));
      dv.setInt32(l4 + 12, ((total - 20) << 26) | (flags << 16) | 65535);
      // The peer's MSS is what one frame holds, so that frames are full-sized and every second one is acknowledged.
      const at = l4 + 20 + options;
      if (options > 0) {
        dv.setInt32(l4 + 20, TS_WORD);
        dv.setInt32(l4 + 24, 1);
        dv.setInt32(l4 + 28, 0);
      }
      dv.setInt32(at, 0x02040000 | (this.size - TCP_HEADERS));
      dv.setInt32(at + 4, 0x01030300);
      if (this.software) this.sealLength(remoteOf(i), l4, total - 20);
      (this.batches[k >> 6] as Int32Array)[(k & 63) * RX_STRIDE + 1] = 14 + total;
    }
    return n;
  }

  private sealLength(remote: number, l4: number, length: number): void {
    const { memory } = this.host;
    memory.dv.setUint16(l4 + 16, 0);
    memory.dv.setUint16(l4 + 16, complement(pseudoSum4(remote, LOCAL, 6, length) + fold(memory.sum(l4, length))));
  }

  /** Notes what a SYN-ACK says, for the ACK that answers it. */
  takeSynAck(frame: number): void {
    const { dv } = this.host.memory;
    if (dv.getUint16(frame + 12) !== 0x0800 || (dv.getUint8(frame + 47) & (SYN | ACK)) !== (SYN | ACK)) return;
    const peer = peerOf(dv.getInt32(frame + 30), dv.getUint16(frame + 36));
    this.acks[peer] = (dv.getInt32(frame + 38) + 1) | 0;
  }
}

function writeHeaders(dv: DataView, frame: number, size: number, tcp: boolean): void {
  dv.setInt32(frame, 0x02770000);
  dv.setInt32(frame + 4, 0x00020277);
  dv.setInt32(frame + 8, 0x00000001);
  dv.setUint16(frame + 12, 0x0800);
  dv.setInt32(frame + 14, 0x45000000 | (size - 14));
  dv.setInt32(frame + 18, 0x4000);
  dv.setInt32(frame + 22, (64 << 24) | ((tcp ? 6 : 17) << 16));
  dv.setInt32(frame + 30, LOCAL);
  if (tcp) dv.setInt32(frame + 46, (20 << 26) | ((ACK | PSH) << 16) | 65535);
  else dv.setInt32(frame + 38, (size - 34) << 16);
}

interface Flaw {
  readonly name: string;
  /** Spoils the frame; returns the length that its row is to say, or -1. */
  put(dv: DataView, frame: number): number;
}

/** What malformed frames have wrong with them. */
export const FLAWS: readonly Flaw[] = [
  {
    name: "wrong IP checksum",
    put: (dv, frame) => {
      dv.setUint16(frame + 24, dv.getUint16(frame + 24) ^ 1);
      return -1;
    },
  },
  {
    name: "IP version 6",
    put: (dv, frame) => {
      dv.setUint8(frame + 14, 0x65);
      return -1;
    },
  },
  {
    name: "longer than what came",
    put: (dv, frame) => {
      dv.setUint16(frame + 16, 9000);
      return -1;
    },
  },
  {
    name: "header of 4 words",
    put: (dv, frame) => {
      dv.setUint8(frame + 14, 0x44);
      return -1;
    },
  },
  {
    name: "transport header cut off",
    put: (dv, frame) => {
      const total = 24;
      const before = dv.getUint16(frame + 16);
      const sum = (~dv.getUint16(frame + 24) & 0xffff) + (~before & 0xffff) + total;
      dv.setUint16(frame + 16, total);
      dv.setUint16(frame + 24, complement(sum));
      return 14 + total;
    },
  },
  { name: "runt", put: () => 10 },
  {
    name: "another station's",
    put: (dv, frame) => {
      dv.setUint8(frame + 5, 99);
      return -1;
    },
  },
  {
    name: "unknown ethertype",
    put: (dv, frame) => {
      dv.setUint16(frame + 12, 0x86dd);
      return -1;
    },
  },
];
