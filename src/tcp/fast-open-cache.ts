import type { Addr } from "../wire/address.js";

/** Destinations remembered; the one that was first remembered is forgotten first. */
const MOST = 4096;

/** What a server told us (RFC 7413 §4.1.3): its MSS, and its cookie. */
export interface CachedServer {
  mss: number;
  cookie: Uint8Array | null;
}

/** The client's cookie cache, by the server's address. */
export class FastOpenCache {
  private readonly servers = new Map<Addr, CachedServer>();

  get(server: Addr): CachedServer | null {
    return this.servers.get(server) ?? null;
  }

  /** @param cookie null: what is remembered stays */
  set(server: Addr, mss: number, cookie: Uint8Array | null): void {
    const known = this.servers.get(server);
    if (known !== undefined) {
      known.mss = mss;
      if (cookie !== null) known.cookie = cookie;
      return;
    }
    if (this.servers.size >= MOST)
      for (const oldest of this.servers.keys()) {
        this.servers.delete(oldest);
        break;
      }
    this.servers.set(server, { mss, cookie });
  }
}
