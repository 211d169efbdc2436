import { EINVAL, SystemError } from "../base/errors.js";
import type { Connection } from "../tcp/connection.js";
import { CLOSED } from "../tcp/constants.js";
import type { OptionName } from "./types.js";

/** An option that only touches the connection; what it refuses besides its range it throws. */
export interface TcpOption {
  readonly min: number;
  readonly max: number;
  get(c: Connection): number;
  /** @param listening the connection is a listener's template */
  set(c: Connection, value: number, listening: boolean): void;
}

type Get = TcpOption["get"];
type Set = TcpOption["set"];

export const INT_MAX = 0x7fffffff;
export const INT_MIN = -0x80000000;
export const UINT_MAX = 0xffffffff;

export const between = (min: number, max: number, get: Get, set: Set): TcpOption => ({ min, max, get, set });

/** Any number: 0 is off, all others on. */
export const flag = (get: (c: Connection) => boolean, set: (c: Connection, on: boolean) => void): TcpOption =>
  between(
    INT_MIN,
    INT_MAX,
    (c) => (get(c) ? 1 : 0),
    (c, value) => set(c, value !== 0),
  );

/** 0 or 1 and nothing else. */
export const zeroOrOne = (get: (c: Connection) => boolean, set: Set): TcpOption =>
  between(0, 1, (c) => (get(c) ? 1 : 0), set);

/** Not connected and not trying to: closed, or a listener's template. */
export const idle = (c: Connection): boolean => c.state === CLOSED;

export function tooLate(name: OptionName, why: string): SystemError {
  return new SystemError(EINVAL, "setsockopt", { sentence: `${name} cannot be set now: ${why}` });
}
