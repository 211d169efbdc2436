/** Version of the messages on the control socket; both sides refuse another. */
export const PROTOCOL = 1;

/** The first message on each connection, from the stack. */
export interface Hello {
  readonly tapstack: number;
  /** Of the package. */
  readonly version: string;
  readonly pid: number;
  readonly tap: string;
  /** `10.77.0.2/24` */
  readonly address: string;
  /** Wall-clock milliseconds of the start: tells one run from the next. */
  readonly started: number;
}

/** What can be asked. One request at a time on a connection. */
export type Request =
  /** `details`: with what `ss -i` shows. */
  | { readonly op: "sockets"; readonly details?: boolean }
  | { readonly op: "counters" }
  | { readonly op: "sysctl"; readonly name?: string; readonly value?: string }
  /** Ends the request under way ("ping"), which then says `done`. */
  | { readonly op: "stop" }
  | PingRequest
  | ConnectRequest
  | ListenRequest;

export interface PingRequest {
  readonly op: "ping";
  readonly address: string;
  /** 0: until the connection ends. */
  readonly count: number;
  /** Bytes of payload. */
  readonly size: number;
  /** Milliseconds between requests. */
  readonly interval: number;
  /** Milliseconds to wait for answers after the last request. */
  readonly timeout: number;
  readonly owner: string;
}

export interface ConnectRequest {
  readonly op: "connect";
  readonly proto: "tcp" | "udp";
  readonly address: string;
  readonly port: number;
  readonly sourceAddress?: string;
  readonly sourcePort?: number;
  readonly owner: string;
}

export interface ListenRequest {
  readonly op: "listen";
  readonly proto: "tcp" | "udp";
  readonly address?: string;
  readonly port: number;
  readonly owner: string;
}

/** An error as it travels. */
export interface WireError {
  readonly message: string;
  /** `ECONNREFUSED` */
  readonly code?: string;
}

/** One setting in a reply to "sysctl". */
export interface SettingRow {
  readonly name: string;
  readonly value: string;
  readonly doc: string;
}

/**
 * Replies. "sockets" answers with any number of `rows` and then `done`; "ping" with `pong` and `lost` events and then
 * `done`; "connect" and "listen" with `open`, after which data frames run both ways and `end` (either way) says that
 * no more comes from that side. `error` ends a request, whatever it was.
 */
export interface Reply {
  readonly rows?: readonly unknown[];
  readonly counters?: Readonly<Record<string, number>>;
  readonly settings?: readonly SettingRow[];
  readonly pong?: Pong;
  readonly lost?: Lost;
  /** "listen": the socket waits. */
  readonly listening?: Ends;
  readonly open?: Ends;
  readonly end?: boolean;
  readonly done?: boolean;
  /** Of "ping", with `done`: requests sent. */
  readonly sent?: number;
  readonly error?: WireError;
}

export interface Pong {
  readonly seq: number;
  readonly from: string;
  /** Bytes of the ICMP message, header included. */
  readonly bytes: number;
  /** 0 when not known. */
  readonly ttl: number;
  /** Round trip in microseconds. */
  readonly us: number;
  readonly duplicate: boolean;
}

/** The stack, a router or the host said why there is no answer. */
export interface Lost {
  readonly seq: number;
  readonly from: string;
  readonly error: WireError;
}

export interface Ends {
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
}
