import { EMSGSIZE } from "../base/errors.js";
import type { IcmpReport } from "../ip/transport.js";
import { seqGe, seqLe } from "../wire/seqnum.js";
import { TS_SPACE } from "../wire/tcp.js";
import { destroy } from "./close.js";
import { type Connection, touch } from "./connection.js";
import { KIND_CONNECTION, SYN_RECEIVED, SYN_SENT } from "./constants.js";
import type { TcpContext } from "./context.js";

/** Headers without options. */
const IP_AND_TCP = 40;

/** An ICMP error about a segment of ours (RFC 9293 §3.9.2.2, RFC 1122 §4.2.3.9), believed only about data in flight. */
export function icmpReport(tcp: TcpContext, report: IcmpReport): void {
  const { dv } = tcp.memory;
  const localPort = dv.getUint16(report.l4);
  const remotePort = dv.getUint16(report.l4 + 2);
  const seq = dv.getInt32(report.l4 + 4);
  const value = tcp.tuples.find(report.src, localPort, report.dst, remotePort);
  if (value < 0 || (value & 3) !== KIND_CONNECTION) {
    report.credible = false;
    return;
  }
  const c = tcp.connections.get(value >>> 2);
  if (!(seqGe(seq, c.sndUna) && seqLe(seq, c.sndNxt))) {
    // RFC 5927 §4: not about anything that is in flight
    tcp.counters.TcpExtOutOfWindowIcmps++;
    report.credible = false;
    return;
  }
  if (report.errno === EMSGSIZE) smallerPath(c, report.mtu);
  else if (c.state === SYN_SENT || c.state === SYN_RECEIVED) {
    tcp.counters.TcpAttemptFails++;
    destroy(c, report.errno);
  } else c.softError = report.errno;
}

/**
 * RFC 1191 §6.4: the path takes less; what was too large is sent again in smaller segments, window untouched. That goes
 * out when the batch ends: IP learns of the path (and of sending without DF) only after this report.
 */
function smallerPath(c: Connection, mtu: number): void {
  const { ip, settings } = c.tcp;
  const headers = IP_AND_TCP + (c.tsOk ? TS_SPACE : 0);
  const mss = Math.max(Math.max(mtu, ip.pathMtus.minimum) - headers, settings.minSndMss);
  if (mss >= c.mss) return;
  c.mss = mss;
  c.tooLarge = true;
  touch(c);
}
