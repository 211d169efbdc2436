import type { RxPacket } from "../../netif/packet.js";
import type { Addr } from "../../wire/address.js";

/** The segment in hand, read once from the wire: one record, used for every segment (RFC 9293 §3.3.1, figure 4). */
export class Segment {
  packet: RxPacket | null = null;
  /** Our address and the peer's. */
  dst: Addr = 0;
  src: Addr = 0;
  dstPort = 0;
  srcPort = 0;
  seq = 0;
  ack = 0;
  flags = 0;
  /** As it stands in the header, unscaled. */
  window = 0;
  /** Payload: memory offset and bytes. */
  payload = 0;
  length = 0;
  /** Header bytes after the first 20. */
  options = 0;
  optionsLength = 0;
  /** How many wire segments the frame stands for. */
  segments = 1;
  /** Size of the largest of them. */
  segmentSize = 0;

  urgent = 0;
  /** The ECN field of the IP header: 0 Not-ECT, 1 ECT(1), 2 ECT(0), 3 CE. */
  ecn = 0;

  // Filled in by parseOptions; -1 is absent
  mss = -1;
  wscale = -1;
  sackOk = false;
  ts = false;
  tsval = 0;
  tsecr = 0;
  /** Memory offset of the first SACK block, and how many there are. */
  sack = 0;
  sackBlocks = 0;
  /** Memory offset of an AccECN option; 0 is absent. */
  accecn = 0;
  /** Fast open cookie: memory offset and length; length 0 asks for one, -1 is absent. */
  cookie = 0;
  cookieLength = -1;
  /** It came in the experimental option. */
  cookieExp = false;
}
