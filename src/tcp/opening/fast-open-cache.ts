import type { Addr } from "../../wire/address.js";

/** Destinations remembered; the one that was first remembered is forgotten first. */
const MOST = 4096;

/** What a server told us (RFC 7413 §4.1.3): its MSS, and its cookie. */
export interface CachedServer {
  mss: number;
  cookie: Uint8Array | null;
  /** The cookie came in the experimental option. */
  exp: boolean;
  /** A request was not answered: 1 in RFC 7413's option, so that the next is the experimental one; 2 in that neither. */
  tried: number;
}

/** The client's cookie cache, by the server's address. */
export class FastOpenCache {
  private readonly servers = new Map<Addr, CachedServer>();

  get(server: Addr): CachedServer | null {
    return this.servers.get(server) ?? null;
  }

  /**
   * @param cookie null: what is remembered stays
   * @param exp it came in the experimental option
   * @param tried in which option one was asked for in vain (see {@link CachedServer.tried}), 0: it was not
   */
  set(server: Addr, mss: number, cookie: Uint8Array | null, exp: boolean, tried: number): void {
    const known = this.servers.get(server);
    if (known !== undefined) {
      known.mss = mss;
      if (cookie !== null) {
        known.cookie = cookie;
        known.exp = exp;
      } else if (tried > known.tried && known.cookie === null) known.tried = tried;
      return;
    }
    if (this.servers.size >= MOST)
      for (const oldest of this.servers.keys()) {
        this.servers.delete(oldest);
        break;
      }
    this.servers.set(server, { mss, cookie, exp: cookie !== null && exp, tried: cookie === null ? tried : 0 });
  }
}
