import type { SlotLayout } from "./driver.js";

/** Indices into FramePort.counts; native/tap.h has the same. */
export const COUNT_RX_FRAMES = 0;
export const COUNT_RX_TRUNCATED = 1; // larger than the slot: dropped
export const COUNT_RX_ERRORS = 2; // the kernel could not deliver it: dropped
export const COUNT_TX_FRAMES = 3;
export const COUNT_TX_DOWN = 4; // the interface is down: dropped
export const COUNT_TX_ERRORS = 5; // refused by the kernel: dropped
export const COUNT_TX_BLOCKED = 6; // times a batch had to wait
export const COUNT_WAKEUPS = 7; // poll callbacks
export const COUNT_BATCHES = 8; // batches delivered
/** Large enough to have its bytes outside the JS heap, where the addon can keep a pointer to them. */
export const COUNTS = 16;

/** A frame stands this far into its slot: 2 modulo 4, with room for the vnet header before it. */
export const FRAME_AT = 18;
/** Ethernet header and one VLAN tag. */
const FRAME_HEADERS = 18;
/** What IPv4 can say of a length, and so the largest GSO frame. */
const LARGEST_PACKET = 65535;
/** Most frames of one batch. */
export const SLOTS = 64;

/** How the receive slots lie in a region of the memory that starts at `base` (a multiple of 4). */
export function slotLayout(base: number, mtu: number, offload: boolean, slots = SLOTS): SlotLayout {
  const room = FRAME_HEADERS + Math.max(mtu, offload ? LARGEST_PACKET : 0) + 1;
  // An odd number of cache lines: the heads of 64 small frames do not compete for the same cache sets.
  const stride = (Math.ceil((FRAME_AT + room) / 64) | 1) * 64;
  return { base, stride, slots, room };
}

/** Frames that a port lost, under nstat-like names. */
export function lossesOf(counts: Float64Array): Readonly<Record<string, number>> {
  return {
    TapstackTapInTruncated: counts[COUNT_RX_TRUNCATED] as number,
    TapstackTapInErrors: counts[COUNT_RX_ERRORS] as number,
    TapstackTapOutDown: counts[COUNT_TX_DOWN] as number,
    TapstackTapOutErrors: counts[COUNT_TX_ERRORS] as number,
  };
}

/** What a TAP link has done so far. */
export interface TapActivity {
  readonly framesIn: number;
  readonly framesOut: number;
  /** Calls into the stack, each with one or more frames. */
  readonly batches: number;
  /** Times the event loop (or a timer) woke the driver. */
  readonly wakeups: number;
  /** Times that sending had to wait for the device. */
  readonly blocked: number;
}

export function activityOf(counts: Float64Array): TapActivity {
  return {
    framesIn: counts[COUNT_RX_FRAMES] as number,
    framesOut: counts[COUNT_TX_FRAMES] as number,
    batches: counts[COUNT_BATCHES] as number,
    wakeups: counts[COUNT_WAKEUPS] as number,
    blocked: counts[COUNT_TX_BLOCKED] as number,
  };
}
