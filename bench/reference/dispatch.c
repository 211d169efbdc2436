// The dispatch of tapstack in C, to be compared with: `dispatch tcp|udp CONNECTIONS SIZE valid|software GROUPS`.
//
// The same work on the same frames in the same batches (bench/lib/traffic.ts makes them for tapstack, prepare() here): Ethernet
// and IPv4 validation with the header checksum, lookup of the 4-tuple in a table of the same size under the same hash, TCP's
// in-order path with payload copied to the connection's buffer, or UDP's with a queue of datagrams, the sockets told after the batch,
// a reader that takes the data, one decision about acknowledging, ACKs with all headers, rows handed to a link that drops them.
// Frames are rewritten in place between the timed sections, of which each is 4 batches of 64.
#include "base.h"
#include "stack.h"
#include "buffers.h"
#include "timers.h"
#include "output.h"
#include "input.h"
#include "sockets.h"

enum { BATCH = 64, BATCHES = 4, GROUP = BATCH * BATCHES, ORDER = 1 << 20 };

static struct stack *stack;
static u8 *slots;
static u32 *seqs, *order;
static u32 at, counter, connections, size;
static int is_tcp;
static u8 target[131072];
static u64 bytes_read, told, check;
/** Time moves by 100 ns a frame (bench/lib/stepped-clock.ts), but the clock is read all the same. */
static double stepped;
static volatile double clock_reading;

enum { stack_addr = 0x0a4d0002 };

static u32 remote_of(u32 i) { return 0xc6120000 + 1 + (i & 1023); }
static u32 port_of(u32 i) { return 10000 + (i >> 10); }
static u32 local_port(u32 i) { return is_tcp ? 5000 : 5000 + (i & 1023); }

static void reader(struct socket *socket, u32 mask) {
  (void)mask;
  i32 n = conn_read(stack, socket, target, sizeof target);
  if (n > 0) bytes_read += (u32)n;
  told++;
  check += target[3];
}

static void datagram_reader(struct socket *socket, u32 mask) {
  (void)mask;
  struct datagram from;
  i32 n;
  while ((n = endpoint_read(stack, socket, target, sizeof target, &from)) >= 0) {
    bytes_read += (u32)n;
    told++;
    check += target[3];
  }
}

static u32 sink(struct tx *tx) {
  check += tx->rows[tx->taken].length;
  return tx->count - tx->taken;
}

static void *zeroed(size_t count, size_t size_of) {
  void *p = calloc(count, size_of);
  if (!p) exit(1);
  return p;
}

static struct socket *make_socket(void (*on_ready)(struct socket *, u32)) {
  struct socket *socket = zeroed(1, sizeof *socket);
  socket->open = 1;
  socket->on_ready = on_ready;
  return socket;
}

static void make_conn(u32 i, struct route *route) {
  struct conn *c = zeroed(1, sizeof *c);
  c->state = ESTABLISHED;
  c->rcv_nxt = c->rcv_acked = c->irs = (i32)seqs[i];
  c->rcv_limit = c->snd_limit = 2 << 20;
  c->rcv_wscale = 6;
  c->rcv_adv = c->rcv_nxt + c->rcv_limit;
  c->snd_una = c->snd_max = c->snd_nxt = c->iss = (i32)(i * 7919);
  c->snd_wnd = 65535;
  c->mss = c->adv_mss = 1460;
  c->rcv_mss = (i32)size - 54;
  c->rto = 200;
  c->ato = 40;
  c->local = stack_addr;
  c->remote = remote_of(i);
  c->local_port = local_port(i);
  c->remote_port = port_of(i);
  c->ttl = 64;
  c->dont_fragment = 1;
  c->route = route;
  c->index = (i32)i;
  c->timer.slot = -1;
  c->owner = make_socket(reader);
  c->owner->conn = c;
  stack->conns[i] = c;
}

static void make_endpoint(u32 i) {
  struct endpoint *e = zeroed(1, sizeof *e);
  e->queue = &stack->empty;
  e->limit = 212992;
  e->local = stack_addr;
  e->local_port = local_port(i);
  e->remote = remote_of(i);
  e->remote_port = port_of(i);
  e->owner = make_socket(datagram_reader);
  e->owner->endpoint = e;
  stack->endpoints[i] = e;
}

static void make_pool(struct pool *p, i32 count) {
  p->memory = aligned_alloc(64, (size_t)count * CHUNK_STRIDE);
  p->list = zeroed((size_t)count, sizeof *p->list);
  for (i32 i = 0; i < count; i++) p->list[i] = (count - 1 - i) * CHUNK_STRIDE;
  p->count = count;
}

static void make_stack(void) {
  struct stack *s = stack = zeroed(1, sizeof *stack);
  memcpy(s->mac, (u8[]){2, 0x77, 0, 0, 0, 2}, 6);
  u32 home = (stack_addr * 0x9e3779b1u) >> 28;
  s->locals.keys[home] = stack_addr;
  s->locals.kinds[home] = 1;
  s->generation = 1;
  table_init(&s->table, connections);
  s->tx.arena = aligned_alloc(64, ARENA);
  s->touched = zeroed(connections + 1, sizeof *s->touched);
  s->ready = zeroed(connections + 1, sizeof *s->ready);
  s->free_buffers = zeroed(connections + 1, sizeof *s->free_buffers);
  s->free_queues = zeroed(connections + 1, sizeof *s->free_queues);
  s->conns = zeroed(connections, sizeof *s->conns);
  s->endpoints = zeroed(connections, sizeof *s->endpoints);
  s->transmit = sink;
  make_pool(&s->pool, 4096);
  struct neighbour *gateway = zeroed(1, sizeof *gateway);
  gateway->state = 0x80;
  memcpy(gateway->mac, (u8[]){2, 0x77, 0, 0, 0, 1}, 6);
  struct route *routes[1024] = {0};
  for (u32 i = 0; i < connections; i++) {
    u32 ports = (local_port(i) << 16) | port_of(i);
    table_insert(&s->table, stack_addr, ports, remote_of(i), (i32)(is_tcp ? i << 2 : i));
    if (!is_tcp) {
      make_endpoint(i);
      continue;
    }
    struct route **route = &routes[i & 1023];
    if (!*route) {
      u32 dst = remote_of(i);
      *route = zeroed(1, sizeof **route);
      **route = (struct route){dst, stack_addr, 1, 1500, 0, 0x4500 + pseudo_sum(stack_addr, dst, 0, 0), gateway};
    }
    make_conn(i, *route);
  }
}

/** The next frames, in place. */
static void prepare(int software) {
  for (u32 k = 0; k < GROUP; k++) {
    u32 i = order[at];
    at = (at + 1) & (ORDER - 1);
    u8 *ip = slots + (size_t)k * ((size + 2 + 127) & ~127u) + 16, *l4 = ip + 20;
    u32 remote = remote_of(i), l4_length = size - 34;
    put32(ip + 12, remote);
    u32 sum = pseudo_sum(remote, stack_addr, 0x4500 + 0x4000 + 0x4000 + (is_tcp ? 6 : 17), size - 14);
    put16(ip + 10, (u16)~fold(sum));
    put32(l4, (port_of(i) << 16) | local_port(i));
    if (is_tcp) {
      put32(l4 + 4, seqs[i]);
      put32(l4 + 8, (u32)stack->conns[i]->snd_una);
      put32(l4 + 20, ++counter);
      seqs[i] += size - 54;
    } else put32(l4 + 8, ++counter);
    if (!software) continue;
    u8 *csum = l4 + (is_tcp ? 16 : 6);
    put16(csum, 0);
    put16(csum, (u16)~fold(pseudo_sum(remote, stack_addr, is_tcp ? 6 : 17, l4_length) + sum_bytes(l4, l4_length)));
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
  wheel_advance(s, s->ms);
  dispatch_ready(s);
  settle(s);
  flush(s);
}

static void template_slots(void) {
  u32 stride = (size + 2 + 127) & ~127u;
  slots = aligned_alloc(128, (size_t)GROUP * stride);
  memset(slots, 0, (size_t)GROUP * stride);
  for (u32 k = 0; k < GROUP; k++) {
    u8 *frame = slots + (size_t)k * stride + 2, *ip = frame + 14, *l4 = ip + 20;
    memcpy(frame, stack->mac, 6);
    memcpy(frame + 6, (u8[]){2, 0x77, 0, 0, 0, 1}, 6);
    put16(frame + 12, 0x0800);
    put32(ip, 0x45000000 | (size - 14));
    put32(ip + 4, 0x4000);
    put32(ip + 8, 0x40000000 | ((is_tcp ? 6 : 17) << 16));
    put32(ip + 16, stack_addr);
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
  stack->software = software;
  template_slots();
  u32 warm = groups / 4 + 100;
  double spent = 0;
  u64 frames_before = 0, acks_before = 0, read_before = 0;
  for (u32 g = 0; g < warm + groups; g++) {
    if (g == warm) {
      spent = 0;
      frames_before = stack->counters.in_frames;
      acks_before = stack->counters.acks;
      read_before = bytes_read;
    }
    prepare(software);
    double start = now_us();
    for (u32 b = 0; b < BATCHES; b++) receive(b * BATCH, software ? 0 : RX_CSUM_VALID);
    spent += now_us() - start;
  }
  u64 frames = stack->counters.in_frames - frames_before;
  printf("{\"ns\": %.3f, \"frames\": %llu, \"acks\": %llu, \"read\": %llu, \"slow\": %llu, \"drops\": %llu, \"unknown\": %llu, \"check\": %llu}\n",
         spent * 1000 / (double)frames, (unsigned long long)frames, (unsigned long long)(stack->counters.acks - acks_before),
         (unsigned long long)(bytes_read - read_before), (unsigned long long)stack->counters.slow, (unsigned long long)stack->counters.drops,
         (unsigned long long)stack->counters.no_ports, (unsigned long long)check);
  return 0;
}
