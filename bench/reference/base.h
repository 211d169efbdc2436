// What the reference stands on: bytes, checksums, time, the keyed hash and the table of 4-tuples (src/ports/tuple-table.ts).
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t i32;

static inline u16 get16(const u8 *p) { u16 v; memcpy(&v, p, 2); return __builtin_bswap16(v); }
static inline u32 get32(const u8 *p) { u32 v; memcpy(&v, p, 4); return __builtin_bswap32(v); }
static inline void put16(u8 *p, u16 v) { v = __builtin_bswap16(v); memcpy(p, &v, 2); }
static inline void put32(u8 *p, u32 v) { v = __builtin_bswap32(v); memcpy(p, &v, 4); }

/** RFC 1071 over bytes, folded, in network order. */
static u32 sum_bytes(const u8 *p, u32 length) {
  u64 sum = 0;
  for (; length >= 4; p += 4, length -= 4) { u32 v; memcpy(&v, p, 4); sum += v; }
  if (length >= 2) { u16 v; memcpy(&v, p, 2); sum += v; p += 2; length -= 2; }
  if (length != 0) sum += *p;
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return __builtin_bswap16((u16)sum);
}

static inline u32 fold(u32 sum) {
  sum = (sum & 0xffff) + (sum >> 16);
  return (sum & 0xffff) + (sum >> 16);
}

static inline u32 pseudo_sum(u32 src, u32 dst, u32 protocol, u32 length) {
  return (src >> 16) + (src & 0xffff) + (dst >> 16) + (dst & 0xffff) + protocol + length;
}

static inline double now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/** The same generator as bench/lib/traffic.ts. */
static inline u32 xorshift(u32 *state) {
  u32 x = *state;
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  return *state = x;
}

struct entry { u32 local, remote, ports; i32 value; };

struct table {
  struct entry *entries;
  u32 mask;
  u32 k0, k1, k2, k3;
};

/** As many slots as TupleTable has for `count` entries: at most half full. */
static void table_init(struct table *t, u32 count) {
  u32 slots = 64, seed = 12345;
  while (slots < count * 2) slots *= 2;
  t->entries = malloc(slots * sizeof *t->entries);
  for (u32 i = 0; i < slots; i++) t->entries[i].value = -1;
  t->mask = slots - 1;
  t->k0 = xorshift(&seed);
  t->k1 = xorshift(&seed) | 1;
  t->k2 = xorshift(&seed) | 1;
  t->k3 = xorshift(&seed) | 1;
}

static inline u32 table_hash(const struct table *t, u32 a, u32 b, u32 c) {
  u32 h = (a ^ t->k0) * t->k1;
  h ^= h >> 15;
  h = (h ^ b) * t->k2;
  h ^= h >> 16;
  h = (h + c) * t->k3;
  h ^= h >> 15;
  h *= t->k2;
  return h ^ (h >> 16);
}

static inline i32 table_find(const struct table *t, u32 local, u32 ports, u32 remote) {
  u32 slot = table_hash(t, remote, ports, local) & t->mask;
  for (;;) {
    const struct entry *e = &t->entries[slot];
    if (e->value < 0) return -1;
    if (e->ports == ports && e->remote == remote && e->local == local) return e->value;
    slot = (slot + 1) & t->mask;
  }
}

static void table_insert(struct table *t, u32 local, u32 ports, u32 remote, i32 value) {
  u32 slot = table_hash(t, remote, ports, local) & t->mask;
  while (t->entries[slot].value >= 0) slot = (slot + 1) & t->mask;
  t->entries[slot] = (struct entry){local, remote, ports, value};
}
