import type { Setting } from "../base/config.js";

/** IPv4's settings, under Linux's names where Linux has them. */
export const IP_SETTINGS: readonly Setting[] = [
  { name: "net.ipv4.ip_default_ttl", default: 64, min: 1, max: 255, doc: "TTL of packets whose sender does not say." },
  {
    name: "net.ipv4.ipfrag_high_thresh",
    default: 4194304,
    min: 0,
    unit: "bytes",
    doc: "Memory that fragments may take up; the oldest datagrams go first.",
  },
  {
    name: "net.ipv4.ipfrag_time",
    default: 30,
    min: 1,
    max: 3600,
    unit: "s",
    doc: "How long a datagram waits for its missing fragments.",
  },
  {
    name: "net.ipv4.ipfrag_max_fragments",
    default: 256,
    min: 2,
    max: 8192,
    doc: "Fragments that one datagram may come in (tapstack's own).",
  },
  {
    name: "net.ipv4.route.mtu_expires",
    default: 600,
    min: 1,
    max: 86400,
    unit: "s",
    doc: "How long a path MTU is remembered.",
  },
  {
    name: "net.ipv4.route.min_pmtu",
    default: 552,
    min: 68,
    max: 65535,
    unit: "bytes",
    doc: "A path MTU reported smaller than this is not believed.",
  },
  {
    name: "net.ipv4.igmp_max_memberships",
    default: 20,
    min: 0,
    max: 100_000,
    doc: "Groups that an interface can be in.",
  },
  {
    name: "net.ipv4.conf.all.force_igmp_version",
    default: 0,
    min: 0,
    max: 3,
    doc: "2 or 3: report group membership in that version whatever queriers say; 0: as they do.",
  },
];
