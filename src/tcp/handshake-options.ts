import { ACK } from "../wire/tcp.js";
import type { Connection } from "./connection.js";
import { synCookieFor } from "./fast-open-client.js";
import { type SynOptions, tsClock } from "./options.js";

/** What the connection offers in its SYN, or agrees to in its SYN-ACK. */
export function synOptionsOf(c: Connection, flags: number): SynOptions {
  const { synOptions: o, settings } = c.tcp;
  const answer = (flags & ACK) !== 0;
  o.mss = c.advMss;
  o.wscale = c.scaleOffer;
  o.sackOk = answer ? c.sackOk : settings.sack !== 0;
  o.ts = answer ? c.tsOk : c.tsOffered;
  o.tsval = tsClock(c.tcp, c.tsOffset);
  o.tsecr = c.tsRecent;
  if (answer) {
    o.cookie = null;
    o.cookieLength = -1;
  } else synCookieFor(c);
  return o;
}
