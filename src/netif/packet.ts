import type { Netif } from "./netif.js";

/** To whom a packet was sent, as far as this host is concerned. */
export const TO_HOST = 0; // a unicast address of ours
export const TO_BROADCAST = 1; // 255.255.255.255 or a subnet's broadcast address
export const TO_MULTICAST = 2; // a group that we are in

/**
 * The header record: what the layers have read of the frame in hand, in one object that is used for every frame.
 * All positions are offsets into the stack's memory, valid until the receive callback returns.
 */
export class RxPacket {
  netif: Netif;
  /** First byte of the frame, and one past its last. */
  frame = 0;
  frameEnd = 0;
  /** RX_* flags of the link row. */
  flags = 0;
  /** Segment size of a frame that stands for several, else 0. */
  gsoSize = 0;
  /** The frame went to a broadcast or multicast MAC address. */
  linkMulticast = false;
  /** First byte of the IP header. */
  ip = 0;
  ipHeaderLength = 0;
  /** IP total length. */
  ipLength = 0;
  src = 0;
  dst = 0;
  protocol = 0;
  ttl = 0;
  tos = 0;
  /** TO_* */
  to = TO_HOST;
  /** The packet was put together from fragments (its bytes are contiguous all the same). */
  reassembled = false;
  /** First byte of the transport header, and the bytes from there to the end of the packet. */
  l4 = 0;
  l4Length = 0;

  constructor(netif: Netif) {
    this.netif = netif;
  }
}
