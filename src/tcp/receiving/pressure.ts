import { CHUNK_SIZE, type ChunkPool } from "../../base/chunks.js";
import type { Connection } from "../connection.js";

/*
 * What Linux's tcp_mem and the least of tcp_wmem and tcp_rmem are for: when memory grows scarce, those who hold much
 * get no more, and the last of it is kept for what comes in order. Else two stacks whose memory is full of what they
 * want to send each other would wait for ever.
 */

/** Chunks that a receiver may hold when memory is scarce. */
const MODEST = 4;
/** What it is offered then. */
export const MODEST_WINDOW = MODEST * CHUNK_SIZE;

/** Whether all but a 2^-shift of the pool is in use. */
function usedUp(pool: ChunkPool, shift: number): boolean {
  return pool.inUse >= pool.capacity - (pool.capacity >> shift);
}

/** Windows are not opened further than {@link MODEST_WINDOW}. */
export function memoryScarce(pool: ChunkPool): boolean {
  return usedUp(pool, 2);
}

/** How many of `want` bytes the application may queue to send. */
export function roomToQueue(c: Connection, want: number): number {
  const { pool } = c.tcp;
  const free = (pool.capacity - (pool.capacity >> 2) - pool.inUse) * CHUNK_SIZE;
  if (free > 0) return want < free ? want : free;
  if ((c.snd !== null && c.snd.chunks > 0) || usedUp(pool, 4)) return 0;
  return want < CHUNK_SIZE ? want : CHUNK_SIZE;
}

/** Whether received data may be kept. @param ahead it is out of order */
export function mayKeep(c: Connection, ahead: boolean): boolean {
  return (!ahead && (c.rcv === null || c.rcv.chunks < MODEST)) || !usedUp(c.tcp.pool, 3);
}
