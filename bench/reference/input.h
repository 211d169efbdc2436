// The receive path of the reference: Ethernet, IPv4, the demultiplexer, TCP in order, UDP, and the application's reading.

static inline void touch(struct stack *s, struct conn *c) {
  if (c->touched) return;
  c->touched = 1;
  s->touched[s->touched_count++] = c;
}

/** src/tcp/input.ts, header prediction: the next data in order. */
static void connection_input(struct stack *s, struct conn *c, u32 seq, u32 ack, u32 flags, u32 window, const u8 *data, u32 length) {
  c->segs_in++;
  if (c->state != 1 || (flags & 0x37) != 0x10 || seq != c->rcv_nxt || ack != c->snd_una || length == 0 ||
      window << c->snd_wscale != c->snd_wnd || c->ooo_count > 0 || length > c->rcv_adv - c->rcv_nxt) {
    s->slow++;
    return;
  }
  s->hits++;
  c->last_receive = s->ms;
  c->snd_wl1 = seq;
  if (length > c->rcv_mss) c->rcv_mss = length < c->adv_mss ? length : c->adv_mss;
  if (c->rcv == NULL) {
    c->rcv = chunk_take(s);
    c->rcv_head = 0;
  }
  if (c->rcv == NULL || c->rcv_head + c->rcv_queued + length > CHUNK) {
    s->drops++;
    return;
  }
  memcpy(c->rcv + c->rcv_head + c->rcv_queued, data, length);
  c->rcv_queued += length;
  c->rcv_nxt += length;
  c->bytes_received += length;
  c->ack_due = 1;
  touch(s, c);
  if (!c->ready) {
    c->ready = 1;
    s->ready[s->ready_count++] = c;
  }
}

static void tcp_input(struct stack *s, const u8 *ip, const u8 *tcp, u32 length, u32 src, u32 dst, u32 flags) {
  if (length < 20) { s->drops++; return; }
  u32 offset_flags = get16(tcp + 12), header = (offset_flags >> 12) << 2;
  if (header < 20 || header > length) { s->drops++; return; }
  if (!(flags & RX_CSUM_VALID) && fold(pseudo_sum(src, dst, 6, length) + sum_bytes(tcp, length)) != 0xffff) { s->drops++; return; }
  (void)ip;
  s->tcp_segs++;
  s->tcp_frames++;
  u32 ports = get32(tcp);
  i32 index = table_find(&s->table, dst, (ports << 16) | (ports >> 16), src);
  if (index < 0) { s->no_ports++; return; }
  connection_input(s, &s->conns[index], get32(tcp + 4), get32(tcp + 8), offset_flags & 0xff, get16(tcp + 14), tcp + header,
                   length - header);
}

static void udp_input(struct stack *s, const u8 *udp, u32 available, u32 src, u32 dst, u32 flags) {
  u32 length = available < 8 ? 0 : get16(udp + 4);
  if (length < 8 || length > available) { s->drops++; return; }
  if (!(flags & RX_CSUM_VALID) && get16(udp + 6) != 0 && fold(pseudo_sum(src, dst, 17, length) + sum_bytes(udp, length)) != 0xffff) {
    s->drops++;
    return;
  }
  u32 ports = get32(udp);
  i32 index = table_find(&s->table, dst, (ports << 16) | (ports >> 16), src);
  if (index < 0) { s->no_ports++; return; }
  struct endpoint *e = &s->endpoints[index];
  length -= 8;
  if (e->count > 0 && e->bytes + (e->count + 1) * 64 + length > e->limit) { s->drops++; return; }
  if (e->buffer == NULL) {
    e->buffer = chunk_take(s);
    e->head = 0;
  }
  if (e->buffer == NULL || e->head + e->bytes + length > CHUNK || e->count == e->capacity) { s->drops++; return; }
  memcpy(e->buffer + e->head + e->bytes, udp + 8, length);
  e->records[(e->first + e->count) & (e->capacity - 1)] = (struct datagram){src, ports >> 16, length, dst};
  e->count++;
  e->bytes += length;
  s->udp_datagrams++;
  if (!e->ready) {
    e->ready = 1;
    s->ready_endpoints[s->ready_count++] = e;
  }
}

/** RFC 1122 §3.2.1.3: neither from nor to an address that cannot be; ours here, since there is but one. */
static int addressed(struct stack *s, u32 src, u32 dst) {
  u32 high = src >> 24;
  if (src == s->addr || high == 0 || high == 127 || high >= 224) return 0;
  return dst == s->addr;
}

static void ip_input(struct stack *s, const u8 *ip, u32 available, u32 flags) {
  s->ip_receives++;
  s->ip_octets += available;
  if (available < 20) { s->drops++; return; }
  u32 first = get32(ip), second = get32(ip + 4), third = get32(ip + 8), src = get32(ip + 12), dst = get32(ip + 16);
  u32 header = (first >> 22) & 0x3c, total = first & 0xffff;
  if (first >> 28 != 4 || header < 20 || total < header || available < total) { s->drops++; return; }
  u32 sum = (first >> 16) + total + (second >> 16) + (second & 0xffff) + (third >> 16) + (third & 0xffff);
  sum += (src >> 16) + (src & 0xffff) + (dst >> 16) + (dst & 0xffff);
  if (header > 20) sum += sum_bytes(ip + 20, header - 20);
  if (fold(sum) != 0xffff) { s->drops++; return; }
  if (!addressed(s, src, dst)) { s->drops++; return; }
  if ((second & 0x3fff) != 0) { s->drops++; return; }
  s->ip_delivers++;
  u32 protocol = (third >> 16) & 0xff;
  if (protocol == 6) tcp_input(s, ip, ip + header, total - header, src, dst, flags);
  else if (protocol == 17) udp_input(s, ip + header, total - header, src, dst, flags);
  else s->drops++;
}

static void frame_input(struct stack *s, const u8 *frame, u32 length, u32 flags) {
  s->in_frames++;
  s->in_octets += length;
  if (length < 14) { s->drops++; return; }
  if (memcmp(frame, s->mac, 6) != 0) { s->drops++; return; }
  if (get16(frame + 12) != 0x0800) { s->drops++; return; }
  ip_input(s, frame + 14, length - 14, flags);
}

/** read(2) as the application calls it, and what follows for the window. */
static u32 conn_read(struct stack *s, struct conn *c, u8 *target, u32 length) {
  u32 n = length < c->rcv_queued ? length : c->rcv_queued;
  if (n == 0) return 0;
  memcpy(target, c->rcv + c->rcv_head, n);
  c->rcv_queued -= n;
  c->rcv_head += n;
  if (c->rcv_queued == 0) {
    chunk_give(s, c->rcv);
    c->rcv = NULL;
  }
  if (!c->touched && window_update_due(c)) {
    c->ack_now = 1;
    touch(s, c);
  }
  return n;
}

static u32 endpoint_read(struct stack *s, struct endpoint *e, u8 *target, u32 length, struct datagram *from) {
  if (e->count == 0) return 0;
  *from = e->records[e->first];
  u32 n = length < from->length ? length : from->length;
  memcpy(target, e->buffer + e->head, n);
  e->head += from->length;
  e->bytes -= from->length;
  e->first = (e->first + 1) & (e->capacity - 1);
  if (--e->count == 0) {
    chunk_give(s, e->buffer);
    e->buffer = NULL;
  }
  return n;
}
