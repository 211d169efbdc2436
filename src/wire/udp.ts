/** The UDP header (RFC 768): where its fields stand. */
export const UDP_SRC = 0;
export const UDP_DST = 2;
export const UDP_LENGTH = 4;
export const UDP_CHECKSUM = 6;
export const UDP_HEADER = 8;
/** The most that fits an IPv4 packet without options: 65,535 - 20 - 8. */
export const UDP_PAYLOAD_MAX = 65507;
