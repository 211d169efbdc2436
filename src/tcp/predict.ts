import { PROTO_TCP } from "../ip/transport.js";
import { RX_CSUM_PARTIAL, RX_CSUM_VALID } from "../link/link.js";
import type { Addr } from "../wire/address.js";
import { verifies } from "../wire/checksum.js";
import { TCP_HEADER } from "../wire/tcp.js";
import { type Connection, receiveBuffer, touch, wake } from "./connection.js";
import { ESTABLISHED as ESTAB, EVENT_READABLE, KIND_CONNECTION } from "./constants.js";
import type { TcpContext } from "./context.js";
import { mayKeep } from "./pressure.js";

// Constants of this module are folded into the code; imported ones are loaded and checked at every use.
const HEADER = TCP_HEADER;
const TCP = PROTO_TCP;
const VOUCHED = RX_CSUM_VALID | RX_CSUM_PARTIAL;
const KIND = KIND_CONNECTION;
const ESTABLISHED = ESTAB;
const READABLE = EVENT_READABLE;
/** Of the fourth word of a header: its length, and the flags FIN, SYN, RST, ACK, URG ... */
const MASK = 0xf0370000 | 0;
/** ... as they are in a plain segment: no options, and ACK alone (or with PSH). */
const PLAIN = 0x50100000;

/**
 * Van Jacobson's header prediction, before any record is made of the segment: if it is the next data in order of an
 * established connection, and nothing else is going on, it is stored here and now. Does exactly what `input` and what
 * it calls would have done; most segments of a receiver end here.
 * @param flags RX_* of the frame
 * @returns false: it was something else, or its checksum is wrong, and nothing has been done
 */
export function takeNext(tcp: TcpContext, l4: number, l4Length: number, src: Addr, dst: Addr, flags: number): boolean {
  const { dv } = tcp.memory;
  const length = l4Length - HEADER;
  if (length <= 0) return false;
  const word = dv.getInt32(l4 + 12);
  if ((word & MASK) !== PLAIN) return false;
  const ports = dv.getInt32(l4);
  const value = tcp.tuples.find(dst, ports & 0xffff, src, ports >>> 16);
  if (value < 0 || (value & 3) !== KIND) return false;
  const c = tcp.connections.get(value >>> 2);
  const seq = dv.getInt32(l4 + 4);
  if (c.state !== ESTABLISHED || seq !== c.rcvNxt || dv.getInt32(l4 + 8) !== c.sndUna) return false;
  if ((word & 0xffff) << c.sndWscale !== c.sndWnd || length > ((c.rcvAdv - seq) | 0)) return false;
  if (c.oooCount > 0 || c.rcvFin || c.readShut || length > c.rcvMss) return false;
  if (((tcp.time.ms - c.lastReceive) | 0) > c.rto || !mayKeep(c, false)) return false;
  if ((flags & VOUCHED) === 0 && !verifies(tcp.memory, l4, l4Length, tcp.ip.pseudoSum(src, dst, TCP, l4Length)))
    return false;
  return store(c, seq, l4 + HEADER, length);
}

function store(c: Connection, seq: number, at: number, length: number): boolean {
  const { counters, time } = c.tcp;
  const { rcvQueued } = c;
  if (receiveBuffer(c).put(rcvQueued, at, length) < length) return false;
  counters.TcpInSegs++;
  counters.TapstackTcpInFrames++;
  counters.TcpExtTCPHPHits++;
  c.segsIn++;
  c.dataSegsIn++;
  c.bytesReceived += length;
  c.sndWl1 = seq;
  c.lastReceive = time.ms;
  c.keepProbes = 0;
  c.rcvNxt = (seq + length) | 0;
  c.rcvQueued = rcvQueued + length;
  c.ackDue = true;
  touch(c);
  wake(c, READABLE);
  return true;
}
