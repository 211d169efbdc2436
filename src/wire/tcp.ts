/** The TCP header (RFC 9293 §3.1): where its fields stand, and its flags. */
export const TCP_SRC = 0;
export const TCP_DST = 2;
export const TCP_SEQ = 4;
export const TCP_ACK = 8;
export const TCP_OFFSET_FLAGS = 12;
export const TCP_WINDOW = 14;
export const TCP_CHECKSUM = 16;
export const TCP_URGENT = 18;
export const TCP_HEADER = 20;
export const TCP_HEADER_MAX = 60;

export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const PSH = 0x08;
export const ACK = 0x10;
export const URG = 0x20;
export const ECE = 0x40;
export const CWR = 0x80;
/** RFC 9768 §3.1, once a reserved bit. */
export const AE = 0x100;

/** Option kinds (RFC 9293 §3.2, RFC 7323). */
export const OPT_END = 0;
export const OPT_NOP = 1;
export const OPT_MSS = 2;
export const OPT_WSCALE = 3;
/** RFC 2018 §2 and §3. */
export const OPT_SACK_OK = 4;
export const OPT_SACK = 5;
/** RFC 7323 §3.2. */
export const OPT_TS = 8;
/** RFC 7413 §4.1.1. */
export const OPT_FAST_OPEN = 34;
/** RFC 9768 §3.2.3: AccECN with its counters in either order. */
export const OPT_ACCECN_0 = 172;
export const OPT_ACCECN_1 = 174;
/** RFC 6994: an experiment, told by the two bytes that follow; those of fast open before it had a kind of its own. */
export const OPT_EXPERIMENT = 254;
export const FAST_OPEN_MAGIC = 0xf989;
/** Option bytes of a header at most. */
export const OPTIONS_MAX = 40;
/** Timestamps as every segment carries them, with the two NOPs in front. */
export const TS_SPACE = 12;

/** RFC 7323 §2.3: a shift above 14 is taken as 14. */
export const WSCALE_MAX = 14;
/** RFC 9293 §3.7.1: what is assumed of a peer over IPv4 that sends no MSS option. */
export const MSS_DEFAULT = 536;
