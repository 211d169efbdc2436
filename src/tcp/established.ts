import type { Connection } from "./connection.js";
import { INITIAL_WINDOW_SEGMENTS } from "./constants.js";
import { updateMss } from "./path.js";
import { initReceiveBuffer } from "./receive-buffer.js";
import { noHandshakeSample } from "./rtt.js";
import { expandSendBuffer } from "./send-buffer.js";
import { startKeepalive } from "./timer-set.js";

/**
 * The handshake is over: what a connection starts to transfer with (Linux's tcp_init_transfer). SND.WND, the scales and
 * the options agreed on stand in it already.
 */
export function startTransfer(c: Connection): void {
  const { time } = c.tcp;
  updateMss(c);
  // RFC 6298 §5.7
  if (c.srtt === 0) noHandshakeSample(c);
  // RFC 5681 §3.1: a handshake that lost more than one segment begins carefully
  c.cwnd = c.totalRetransmits > 1 && c.undoable ? 1 : INITIAL_WINDOW_SEGMENTS;
  c.cwndStamp = time.ms;
  c.congestion.init(c);
  initReceiveBuffer(c);
  expandSendBuffer(c);
  c.retransmits = 0;
  c.backoff = 0;
  c.lastSend = time.ms;
  c.lastAck = time.ms;
  startKeepalive(c);
}
