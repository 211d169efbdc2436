// The dispatch of tapstack in C, to be compared with: `dispatch tcp|udp CONNECTIONS SIZE valid|software GROUPS`.
//
// The same work on the same frames in the same batches (bench/lib/traffic.ts makes them for tapstack, prepare() here): Ethernet
// and IPv4 validation with the header checksum, lookup of the 4-tuple in a table of the same size under the same hash, TCP's
// in-order path with payload copied to the connection's buffer, or UDP's with a queue of datagrams, the sockets told after the batch,
// a reader that takes the data, one decision about acknowledging, ACKs with all headers, rows handed to a link that drops them.
// Frames are rewritten in place between the timed sections, of which each is 16 batches of 64.
#include "base.h"
#include "stack.h"
#include "output.h"
#include "input.h"

enum { BATCH = 64, BATCHES = 16, GROUP = BATCH * BATCHES, ORDER = 1 << 20 };

static struct stack *stack;
static u8 *slots;
static u32 *seqs, *order;
static u32 at, counter, connections, size;
static int is_tcp;
static u8 target[65536];
static u64 bytes_read, told, check;
/** Time moves by 100 ns a frame (bench/lib/stepped-clock.ts), but the clock is read all the same. */
static double stepped;
static volatile double clock_reading;

static u32 remote_of(u32 i) { return 0xc6120000 + 1 + (i & 1023); }
static u32 port_of(u32 i) { return 10000 + (i >> 10); }
static u32 local_port(u32 i) { return is_tcp ? 5000 : 5000 + (i & 1023); }

static void reader(struct conn *c) {
  u32 n = conn_read(stack, c, target, sizeof target);
  bytes_read += n;
  told++;
  check += target[3];
}

static void datagram_reader(struct endpoint *e) {
  struct datagram from;
  u32 n;
  while ((n = endpoint_read(stack, e, target, sizeof target, &from)) > 0) {
    bytes_read += n;
    told++;
    check += target[3];
  }
}

static u32 sink(struct tx_row *rows, u32 count) {
  check += rows[0].length;
  return count;
}

static void make_stack(void) {
  struct stack *s = stack = calloc(1, sizeof *stack);
  s->addr = 0x0a4d0002;
  memcpy(s->mac, (u8[]){2, 0x77, 0, 0, 0, 2}, 6);
  memcpy(s->gateway_mac, (u8[]){2, 0x77, 0, 0, 0, 1}, 6);
  table_init(&s->table, connections);
  s->arena = aligned_alloc(64, TX_ARENA);
  s->touched = calloc(connections + 1, sizeof *s->touched);
  s->ready = calloc(connections + 1, sizeof *s->ready);
  s->ready_endpoints = calloc(connections + 1, sizeof *s->ready_endpoints);
  s->transmit = sink;
  s->chunk_count = 4096;
  s->chunks = malloc(s->chunk_count * sizeof *s->chunks);
  u8 *chunks = aligned_alloc(64, (size_t)s->chunk_count * CHUNK);
  for (u32 i = 0; i < s->chunk_count; i++) s->chunks[i] = chunks + (size_t)(s->chunk_count - 1 - i) * CHUNK;
  s->conns = is_tcp ? aligned_alloc(64, connections * sizeof *s->conns) : NULL;
  s->endpoints = is_tcp ? NULL : aligned_alloc(64, connections * sizeof *s->endpoints);
  for (u32 i = 0; i < connections; i++) {
    u32 ports = (local_port(i) << 16) | port_of(i);
    table_insert(&s->table, s->addr, ports, remote_of(i), (i32)i);
    if (!is_tcp) {
      struct endpoint *e = memset(&s->endpoints[i], 0, sizeof *e);
      e->limit = 212992;
      e->capacity = 64;
      e->records = malloc(e->capacity * sizeof *e->records);
      e->on_ready = datagram_reader;
      continue;
    }
    struct conn *c = memset(&s->conns[i], 0, sizeof *c);
    c->state = 1;
    c->rcv_nxt = c->rcv_acked = c->irs = seqs[i];
    c->rcv_limit = 2 << 20;
    c->rcv_wscale = 6;
    c->rcv_adv = c->rcv_nxt + (65535 << 6 < (int)c->rcv_limit ? 65535 << 6 : (int)c->rcv_limit);
    c->snd_una = c->snd_max = c->snd_nxt = c->iss = i * 7919;
    c->snd_wnd = 65535;
    c->adv_mss = 1460;
    c->rcv_mss = size - 54;
    c->ports = ports;
    c->local = s->addr;
    c->remote = remote_of(i);
    c->ttl = 64;
    c->wheel_slot = -1;
    c->on_ready = reader;
  }
}

/** The next 1024 frames, in place. */
static void prepare(int software) {
  for (u32 k = 0; k < GROUP; k++) {
    u32 i = order[at];
    at = (at + 1) & (ORDER - 1);
    u8 *ip = slots + (size_t)k * ((size + 2 + 127) & ~127u) + 16, *l4 = ip + 20;
    u32 remote = remote_of(i), l4_length = size - 34;
    put32(ip + 12, remote);
    u32 sum = pseudo_sum(remote, stack->addr, 0x4500 + 0x4000 + 0x4000 + (is_tcp ? 6 : 17), size - 14);
    put16(ip + 10, (u16)~fold(sum));
    put32(l4, (port_of(i) << 16) | local_port(i));
    if (is_tcp) {
      put32(l4 + 4, seqs[i]);
      put32(l4 + 8, stack->conns[i].snd_una);
      put32(l4 + 20, ++counter);
      seqs[i] += size - 54;
    } else put32(l4 + 8, ++counter);
    if (!software) continue;
    u8 *csum = l4 + (is_tcp ? 16 : 6);
    put16(csum, 0);
    put16(csum, (u16)~fold(pseudo_sum(remote, stack->addr, is_tcp ? 6 : 17, l4_length) + sum_bytes(l4, l4_length)));
  }
}

static void receive(u32 first, u32 flags) {
  struct stack *s = stack;
  clock_reading = now_us();
  stepped += 6.4;
  s->us = (i32)stepped;
  s->ms = (i32)(stepped / 1000);
  u32 stride = (size + 2 + 127) & ~127u;
  for (u32 k = 0; k < BATCH; k++) frame_input(s, slots + (size_t)(first + k) * stride + 2, size, flags);
  wheel_advance(s);
  for (u32 k = 0; k < s->ready_count; k++) {
    if (is_tcp) {
      struct conn *c = s->ready[k];
      c->ready = 0;
      c->on_ready(c);
    } else {
      struct endpoint *e = s->ready_endpoints[k];
      e->ready = 0;
      e->on_ready(e);
    }
  }
  s->ready_count = 0;
  settle(s);
  transmit_rows(s);
}

static void template_slots(void) {
  u32 stride = (size + 2 + 127) & ~127u;
  slots = aligned_alloc(128, (size_t)GROUP * stride);
  memset(slots, 0, (size_t)GROUP * stride);
  for (u32 k = 0; k < GROUP; k++) {
    u8 *frame = slots + (size_t)k * stride + 2, *ip = frame + 14, *l4 = ip + 20;
    memcpy(frame, stack->mac, 6);
    memcpy(frame + 6, stack->gateway_mac, 6);
    put16(frame + 12, 0x0800);
    put32(ip, 0x45000000 | (size - 14));
    put32(ip + 4, 0x4000);
    put32(ip + 8, 0x40000000 | ((is_tcp ? 6 : 17) << 16));
    put32(ip + 16, stack->addr);
    if (is_tcp) put32(l4 + 12, (5u << 28) | (0x18u << 16) | 65535);
    else put16(l4 + 4, (u16)(size - 34));
  }
}

int main(int argc, char **argv) {
  if (argc < 6) return 2;
  is_tcp = strcmp(argv[1], "tcp") == 0;
  connections = (u32)atoi(argv[2]);
  size = (u32)atoi(argv[3]);
  int software = strcmp(argv[4], "software") == 0;
  u32 groups = (u32)atoi(argv[5]), seed = 2463534242u;
  seqs = malloc(connections * sizeof *seqs);
  for (u32 i = 0; i < connections; i++) seqs[i] = i * 1000003u;
  order = malloc(ORDER * sizeof *order);
  for (u32 i = 0; i < ORDER; i++) order[i] = xorshift(&seed) % connections;
  make_stack();
  stack->software_csum = software;
  template_slots();
  u32 warm = groups / 4 + 100;
  double spent = 0;
  u64 frames_before = 0, acks_before = 0, read_before = 0;
  for (u32 g = 0; g < warm + groups; g++) {
    if (g == warm) {
      spent = 0;
      frames_before = stack->in_frames;
      acks_before = stack->acks;
      read_before = bytes_read;
    }
    prepare(software);
    double start = now_us();
    for (u32 b = 0; b < BATCHES; b++) receive(b * BATCH, software ? 0 : RX_CSUM_VALID);
    spent += now_us() - start;
  }
  u64 frames = stack->in_frames - frames_before;
  printf("{\"ns\": %.3f, \"frames\": %llu, \"acks\": %llu, \"read\": %llu, \"slow\": %llu, \"drops\": %llu, \"unknown\": %llu, \"check\": %llu}\n",
         spent * 1000 / (double)frames, (unsigned long long)frames, (unsigned long long)(stack->acks - acks_before),
         (unsigned long long)(bytes_read - read_before), (unsigned long long)stack->slow, (unsigned long long)stack->drops,
         (unsigned long long)stack->no_ports, (unsigned long long)check);
  return 0;
}
