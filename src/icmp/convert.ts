import {
  ECONNREFUSED,
  EHOSTDOWN,
  EHOSTUNREACH,
  EMSGSIZE,
  ENETUNREACH,
  ENONET,
  ENOPROTOOPT,
  EOPNOTSUPP,
  EPROTO,
} from "../base/errors.js";
import type { IcmpReport } from "../ip/transport.js";
import { ICMP_TIME_EXCEEDED, ICMP_UNREACHABLE } from "../wire/icmp.js";

/** By code of destination unreachable: the errno, negative where it is hard. Linux's icmp_err_convert. */
const UNREACHABLE = Int32Array.of(
  ENETUNREACH, // network
  EHOSTUNREACH, // host
  -ENOPROTOOPT, // protocol
  -ECONNREFUSED, // port
  EMSGSIZE, // fragmentation needed
  EOPNOTSUPP, // source route failed
  -ENETUNREACH, // network unknown
  -EHOSTDOWN, // host unknown
  -ENONET, // host isolated
  -ENETUNREACH, // network prohibited
  -EHOSTUNREACH, // host prohibited
  ENETUNREACH, // network, for that type of service
  EHOSTUNREACH, // host, likewise
  -EHOSTUNREACH, // filtered
  -EHOSTUNREACH, // host precedence
  -EHOSTUNREACH, // precedence cut off
);

/** Codes from here up mean nothing. */
export const UNREACHABLE_CODES = UNREACHABLE.length;

/** Fills in `errno` and `hard` from `type` and `code` (RFC 1122 §4.2.3.9: which errors are soft). */
export function convert(report: IcmpReport): void {
  if (report.type === ICMP_UNREACHABLE) {
    const errno = UNREACHABLE[report.code] as number;
    report.errno = Math.abs(errno);
    report.hard = errno < 0;
  } else if (report.type === ICMP_TIME_EXCEEDED) {
    report.errno = EHOSTUNREACH;
    report.hard = false;
  } else {
    report.errno = EPROTO;
    report.hard = true;
  }
}
