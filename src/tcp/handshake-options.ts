import { ACK } from "../wire/tcp.js";
import type { Connection } from "./connection.js";
import { synCookieFor } from "./fast-open-client.js";
import { type SynOptions, tsClock } from "./options.js";

/** What the connection offers in its SYN; the SYN-ACK of a simultaneous open is that SYN again, as Linux has it. */
export function synOptionsOf(c: Connection, flags: number): SynOptions {
  const { synOptions: o, settings } = c.tcp;
  o.mss = c.advMss;
  o.wscale = c.scaleOffer;
  o.sackOk = settings.sack !== 0;
  o.ts = c.tsOffered;
  o.tsval = tsClock(c.tcp, c.tsOffset);
  o.tsecr = c.tsRecent;
  if ((flags & ACK) !== 0) {
    o.cookie = null;
    o.cookieLength = -1;
  } else synCookieFor(c);
  return o;
}
