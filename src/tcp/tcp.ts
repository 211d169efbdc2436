import { ENOTCONN } from "../base/errors.js";
import type { IcmpReport, Transport } from "../ip/transport.js";
import { PROTO_TCP } from "../ip/transport.js";
import { RX_CSUM_PARTIAL, RX_CSUM_VALID } from "../link/link.js";
import { type RxPacket, TO_HOST } from "../netif/packet.js";
import type { Binding } from "../ports/binding.js";
import type { Addr } from "../wire/address.js";
import { verifies } from "../wire/checksum.js";
import { TCP_HEADER, TCP_URGENT } from "../wire/tcp.js";
import { icmpReport } from "./arriving/errors-in.js";
import { childInput, connectionInput } from "./arriving/input.js";
import { ConnectionLookAhead } from "./arriving/look-ahead.js";
import { takeNext } from "./arriving/predict.js";
import type { Segment } from "./arriving/segment.js";
import { resetUnknown } from "./arriving/stateless.js";
import { congestionNamed } from "./congestion/registry.js";
import { Connection } from "./connection.js";
import { KIND_CONNECTION, KIND_SYN } from "./constants.js";
import { TcpContext, type TcpParts } from "./context.js";
import { abort } from "./ending/close.js";
import { endTimeWait, type TimeWait } from "./ending/time-wait.js";
import { timeWaitInput } from "./ending/time-wait-input.js";
import type { ConnectionOwner } from "./notify.js";
import { FASTOPEN_ALL_LISTENERS, FASTOPEN_SERVER } from "./opening/fast-open.js";
import { listenInput } from "./opening/listen.js";
import { Listener, type ListenerOwner } from "./opening/listener.js";
import { synRecordInput } from "./opening/syn-input.js";
import { dropSynRecord, synAckTimeout } from "./opening/syn-record.js";
import { resumeBlocked, settle } from "./settle.js";
import { connectionTimer } from "./timers.js";

/** What a TCP binding's owner must offer: the listener, once there is one. */
export interface TcpPortOwner {
  readonly listener: Listener | null;
}

/** TCP (RFC 9293) as a layer: the entry from IP, and from the sockets above. */
export class Tcp implements Transport {
  readonly context: TcpContext;
  readonly ahead: ConnectionLookAhead;

  /** @param settleSoon called when {@link settle} is due: at the end of the batch, or outside one, soon */
  constructor(parts: TcpParts, settleSoon: () => void) {
    this.context = new TcpContext(parts, {
      connectionTimer,
      synTimer: synAckTimeout,
      timeWaitTimer: endTimeWait,
      settleSoon,
    });
    this.ahead = new ConnectionLookAhead(this.context);
    showDoubles(this.context);
  }

  /** A closed connection with the stack's default options, for a socket to bind, connect or listen with. */
  createConnection(owner: ConnectionOwner | null): Connection {
    const c = new Connection(this.context);
    const { settings } = this.context;
    c.owner = owner;
    c.rtoMax = settings.rtoMax;
    c.rtoMinUs = settings.rtoMinUs;
    c.sndLimit = settings.wmemDefault;
    // Half of Linux's sk_rcvbuf is overhead before the first segment shows how much there is
    c.rcvLimit = settings.rmemDefault >> 1;
    c.ttl = this.context.ip.defaultTtl;
    c.congestion = congestionNamed(settings.congestionControl) ?? c.congestion;
    return c;
  }

  /** LISTEN on a binding whose owner is a {@link TcpPortOwner}; connections inherit the options of `template`. */
  createListener(binding: Binding, template: Connection, owner: ListenerOwner, backlog: number): Listener {
    const { somaxconn, fastOpen } = this.context.settings;
    const most = Math.min(Math.max(backlog, 0), somaxconn);
    // tcp_fastopen: every listener, without TCP_FASTOPEN
    const all = FASTOPEN_ALL_LISTENERS | FASTOPEN_SERVER;
    if ((fastOpen & all) === all && template.fastOpenQueue === 0) template.fastOpenQueue = most;
    return new Listener(binding, template, owner, most);
  }

  takeNext(l4: number, length: number, src: Addr, dst: Addr, flags: number): boolean {
    return takeNext(this.context, l4, length, src, dst, flags);
  }

  input(packet: RxPacket): void {
    const tcp = this.context;
    const { counters } = tcp;
    const { l4, l4Length } = packet;
    const { dv } = tcp.memory;
    if (l4Length < TCP_HEADER || packet.to !== TO_HOST || packet.linkMulticast) {
      counters.TcpInErrs++;
      return;
    }
    const offsetFlags = dv.getUint16(l4 + 12);
    const header = (offsetFlags >>> 12) << 2;
    if (header < TCP_HEADER || header > l4Length) {
      counters.TcpInErrs++;
      return;
    }
    if ((packet.flags & (RX_CSUM_VALID | RX_CSUM_PARTIAL)) === 0 && !this.verify(packet)) {
      counters.TcpInCsumErrors++;
      return;
    }
    this.take(packet, offsetFlags, header);
  }

  /** A segment that is whole: read into the record, counted, handed to whose it is. @param header bytes of it */
  private take(packet: RxPacket, offsetFlags: number, header: number): void {
    const tcp = this.context;
    const { counters } = tcp;
    const { l4, l4Length } = packet;
    const { dv } = tcp.memory;
    const seg = tcp.segment;
    seg.packet = packet;
    seg.dst = packet.dst;
    seg.src = packet.src;
    seg.srcPort = dv.getUint16(l4);
    seg.dstPort = dv.getUint16(l4 + 2);
    seg.seq = dv.getInt32(l4 + 4);
    seg.ack = dv.getInt32(l4 + 8);
    seg.flags = offsetFlags & 0x1ff;
    seg.window = dv.getUint16(l4 + 14);
    seg.urgent = dv.getUint16(l4 + TCP_URGENT);
    seg.ecn = packet.tos & 3;
    seg.options = l4 + TCP_HEADER;
    seg.optionsLength = header - TCP_HEADER;
    seg.payload = l4 + header;
    seg.length = l4Length - header;
    const { gsoSize } = packet;
    if (gsoSize > 0 && seg.length > gsoSize) {
      seg.segments = Math.ceil(seg.length / gsoSize);
      seg.segmentSize = gsoSize;
    } else {
      seg.segments = 1;
      seg.segmentSize = seg.length;
    }
    counters.TcpInSegs += seg.segments;
    counters.TapstackTcpInFrames++;
    this.dispatch(seg);
  }

  report(report: IcmpReport): void {
    icmpReport(this.context, report);
  }

  /** See settle.ts: due after every batch in which connections were touched. */
  settle(): void {
    if (this.context.touchedCount > 0) settle(this.context);
  }

  /** The link is writable again. */
  resume(): void {
    if (this.context.blocked.length > 0) resumeBlocked(this.context);
  }

  /** Ends everything at once: connections are reset, records forgotten. @param errno what owners are told */
  close(errno: number = ENOTCONN): void {
    const tcp = this.context;
    const all: Connection[] = [];
    tcp.connections.forEach((c) => {
      all.push(c);
    });
    for (const c of all) abort(c, errno);
    tcp.synRecords.forEach(dropSynRecord);
    tcp.timeWaits.forEach(endTimeWait);
    tcp.touchedCount = 0;
    tcp.blocked.length = 0;
  }

  private verify(packet: RxPacket): boolean {
    const { ip, memory } = this.context;
    const pseudo = ip.pseudoSum(packet.src, packet.dst, PROTO_TCP, packet.l4Length);
    return verifies(memory, packet.l4, packet.l4Length, pseudo);
  }

  private dispatch(seg: Segment): void {
    const tcp = this.context;
    const value = tcp.tuples.find(seg.dst, seg.dstPort, seg.src, seg.srcPort);
    if (value < 0) {
      this.unknown(seg, 0);
      return;
    }
    const kind = value & 3;
    if (kind === KIND_CONNECTION) connectionInput(tcp.connections.get(value >>> 2), seg);
    else if (kind === KIND_SYN) {
      const c = synRecordInput(tcp.synRecords.get(value >>> 2), seg);
      if (c !== null) childInput(c, seg);
    } else this.timeWaitInput(tcp.timeWaits.get(value >>> 2), seg);
  }

  /** No connection: a listener's, or nobody's. @param isn of a connection that takes the place of a TIME-WAIT, or 0 */
  private unknown(seg: Segment, isn: number): void {
    const listener = this.listenerFor(seg);
    if (listener === null) {
      this.context.counters.TapstackTcpNoPorts++;
      resetUnknown(this.context, seg);
      return;
    }
    const c = listenInput(listener, seg, isn);
    if (c !== null) childInput(c, seg);
  }

  private listenerFor(seg: Segment): Listener | null {
    const { ports, tuples } = this.context;
    const binding = ports.lookupGroup(seg.dst, seg.dstPort, tuples.hash(seg.dst, seg.dstPort, seg.src, seg.srcPort));
    const owner = binding === null ? null : (binding.owner as TcpPortOwner | null);
    return owner === null ? null : owner.listener;
  }

  /** RFC 9293 §3.6.1, RFC 1122 §4.2.2.13: a new SYN may take over, with sequence numbers above the old ones. */
  private timeWaitInput(record: TimeWait, seg: Segment): void {
    if (!timeWaitInput(record, seg, this.listenerFor(seg) !== null)) return;
    const { nextIss } = record;
    endTimeWait(record);
    this.unknown(seg, nextIss);
  }
}

/**
 * Lets V8 know which of a sender's fields come to hold more than 31 bits, by a connection that is thrown away. It would
 * find out when the first of them does, in the middle of a fast transfer, and throw away all code that knows
 * connections. Not those of a receiver: such a number stands in a place of its own, a cache line more for each segment.
 */
function showDoubles(tcp: TcpContext): void {
  const c = new Connection(tcp);
  c.pacingRate = 0.5;
  c.bytesSent = 0.5;
  c.bytesAcked = 0.5;
}
