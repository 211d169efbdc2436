import { type Addr, ANY } from "../wire/address.js";
import type { Binding, PortBucket } from "./binding.js";

/**
 * Who may hold a port beside whom, as Linux decides it (net/ipv4/inet_connection_sock.c and net/ipv4/udp.c; every
 * socket of a stack has the same user). test/e2e/bind-matrix.test.ts compares these rules with the running kernel's.
 */

/** Whether two local addresses can both be meant by one packet. */
export function overlap(a: Addr, b: Addr): boolean {
  return a === b || a === ANY || b === ANY;
}

/**
 * TCP: `other`, which overlaps, keeps `binding` away. When a port is being chosen (`given` false) any sharing counts as
 * a conflict, but for SO_REUSEADDR when `relax` says that all ports are taken.
 */
function tcpRefuses(binding: Binding, other: Binding, given: boolean, relax: boolean): boolean {
  if (binding.reuseAddr && other.reuseAddr && !other.listening)
    return !given && (!relax || (binding.reusePort && other.reusePort));
  return !given || !binding.reusePort || !other.reusePort;
}

function tcpConflict(bucket: PortBucket, binding: Binding, given: boolean, relax: boolean): boolean {
  for (let other = bucket.newest; other !== null; other = other.older)
    if (other !== binding && overlap(binding.addr, other.addr) && tcpRefuses(binding, other, given, relax)) return true;
  return false;
}

/** sk_reuseport_match: the bucket's shortcut says that this one shares with all who are there. */
function sharesFast(bucket: PortBucket, binding: Binding): boolean {
  if (!bucket.fastReusePort || !binding.reusePort) return false;
  return bucket.fastAddr === ANY || bucket.fastAddr === binding.addr;
}

/** TCP: whether `binding` (listening already when the question is listen's) may stand at a port asked for by number. */
export function tcpAllows(bucket: PortBucket, binding: Binding): boolean {
  if (bucket.newest === null) return true;
  return sharesFast(bucket, binding) || !tcpConflict(bucket, binding, true, true);
}

/** inet_csk_update_fastreuse: called with each explicit holder that was let in, before it is linked, and at listen. */
export function tcpNoteFast(bucket: PortBucket, binding: Binding): void {
  if (binding.reusePort && sharesFast(bucket, binding)) return;
  bucket.fastReusePort = binding.reusePort;
  bucket.fastAddr = binding.addr;
}

/** UDP: whether `binding` may stand at a port asked for by number. */
export function udpAllows(bucket: PortBucket, binding: Binding): boolean {
  for (let other = bucket.newest; other !== null; other = other.older) {
    if (other === binding || !overlap(binding.addr, other.addr)) continue;
    if (binding.reuseAddr && other.reuseAddr) continue;
    // The kernel asks the newest first, and one that shares answers for all: udp_lib_lport_inuse().
    return binding.reusePort && other.reusePort;
  }
  return true;
}

/** Whether a port chosen for `binding`, when no port is wholly free, may be shared with those who hold it. */
export function mayShareChosen(bucket: PortBucket, binding: Binding, tcp: boolean): boolean {
  if (tcp) return !tcpConflict(bucket, binding, false, true);
  for (let other = bucket.newest; other !== null; other = other.older)
    if (
      overlap(binding.addr, other.addr) &&
      !(binding.reuseAddr && other.reuseAddr) &&
      !(binding.reusePort && other.reusePort)
    )
      return false;
  return true;
}
