import { EINVAL, SystemError } from "../base/errors.js";
import { RATE_UNLIMITED, RTO_MAX, RTO_MIN } from "../tcp/constants.js";
import { limitPacingRate } from "../tcp/sending/pacing.js";
import { between, INT_MAX, INT_MIN, type TcpOption, UINT_MAX } from "./tcp-option.js";
import type { OptionName } from "./types.js";

/** Linux's TCP_TIMEOUT_MIN, two ticks, ms. */
const LEAST_TIMEOUT = 2;
/** Larger numbers than a 4-byte option has are let in as well; these are no limit. */
const MOST_RATE = Number.MAX_SAFE_INTEGER;

/** How fast, and for how long again and again. */
export const RATE_OPTIONS: readonly (readonly [OptionName, TcpOption])[] = [
  [
    "SO_MAX_PACING_RATE",
    between(
      INT_MIN,
      MOST_RATE,
      (c) => (c.maxPacingRate < RATE_UNLIMITED ? c.maxPacingRate : UINT_MAX),
      (c, v) => {
        // Negative numbers are large ones, the largest is no limit
        const rate = v < 0 ? v >>> 0 : v;
        limitPacingRate(c, rate === UINT_MAX ? RATE_UNLIMITED : rate);
      },
    ),
  ],
  [
    "SO_PRIORITY",
    between(
      INT_MIN,
      INT_MAX,
      (c) => c.priority,
      (c, v) => {
        c.priority = v;
      },
    ),
  ],
  [
    "TCP_RTO_MAX_MS",
    between(
      1000,
      RTO_MAX,
      (c) => c.rtoMax,
      (c, v) => {
        c.rtoMax = v;
      },
    ),
  ],
  [
    "TCP_RTO_MIN_US",
    between(
      1,
      RTO_MIN * 1000,
      (c) => c.rtoMinUs,
      (c, v) => {
        const ms = Math.ceil(v / 1000);
        if (ms < LEAST_TIMEOUT)
          throw new SystemError(EINVAL, "setsockopt", { sentence: "TCP_RTO_MIN_US is more than 1000, a tick" });
        c.rtoMinUs = ms * 1000;
      },
    ),
  ],
];
