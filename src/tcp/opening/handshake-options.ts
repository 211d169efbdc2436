import { ACK } from "../../wire/tcp.js";
import { type SynOptions, tsClock } from "../arriving/options.js";
import type { Connection } from "../connection.js";
import { ECN_ACC } from "../constants.js";
import { synCookieFor } from "./fast-open-client.js";

/** What the connection offers in its SYN; the SYN-ACK of a simultaneous open is that SYN again, as Linux has it. */
export function synOptionsOf(c: Connection, flags: number): SynOptions {
  const { synOptions: o, settings } = c.tcp;
  o.mss = c.advMss;
  o.wscale = c.scaleOffer;
  o.sackOk = settings.sack !== 0;
  o.ts = c.tsOffered;
  o.tsval = tsClock(c.tcp, c.tsOffset);
  o.tsecr = c.tsRecent;
  // RFC 9768 §3.2.3.2.2
  o.accecn = (flags & ACK) !== 0 && (c.ecn & ECN_ACC) !== 0 && settings.ecnOption !== 0 && c.retransmits < 2;
  if ((flags & ACK) !== 0) {
    o.cookie = null;
    o.cookieLength = -1;
  } else synCookieFor(c);
  return o;
}
