// What the application calls, and how it is told (src/socket).

static u32 conn_poll(struct socket *socket) {
  if (!socket->open) return HANGUP;
  struct conn *c = socket->conn;
  u32 mask = c->error ? ERROR : 0;
  if (c->state == CLOSED) return mask | HANGUP | WRITABLE;
  int ended = c->rcv_queued == 0 && (c->read_shut || c->rcv_fin);
  if (c->rcv_queued > 0 || ended) mask |= READABLE;
  if (ended) mask |= READ_HANGUP;
  if (c->fin_queued) mask |= ended ? WRITABLE | HANGUP : WRITABLE;
  else if ((c->snd_limit - c->snd_queued) * 2 >= c->snd_queued) mask |= WRITABLE;
  else c->no_space = 1;
  return mask;
}

static u32 endpoint_poll(struct socket *socket) {
  struct endpoint *e = socket->endpoint;
  if (e->closed) return HANGUP;
  u32 mask = e->blocked ? 0 : WRITABLE;
  if (e->queue->count > 0) mask |= READABLE;
  if (e->error) mask |= ERROR | READABLE;
  if (socket->read_shut) mask |= READABLE | READ_HANGUP;
  return mask;
}

/** Tells those to whom something happened. */
static void dispatch_ready(struct stack *s) {
  for (i32 i = 0; i < s->ready_count; i++) {
    struct socket *socket = s->ready[i];
    socket->ready = 0;
    if (socket->on_ready) socket->on_ready(socket, socket->conn ? conn_poll(socket) : endpoint_poll(socket));
  }
  s->ready_count = 0;
}

static i32 conn_read(struct stack *s, struct socket *socket, u8 *target, i32 length) {
  if (!socket->open) return -9;
  struct conn *c = socket->conn;
  if (c->rcv_queued == 0 || !c->rcv) return c->error ? -c->error : -11;
  i32 n = length < c->rcv_queued ? length : c->rcv_queued;
  buffer_copy(s, c->rcv, 0, target, n, 0);
  c->rcv_queued -= n;
  if (c->rcv_queued == 0 && c->ooo_count == 0) {
    buffer_give(s, c->rcv);
    c->rcv = NULL;
  } else buffer_drop(s, c->rcv, n);
  if (c->index >= 0 && !c->touched && window_update_due(c)) {
    c->window_moved = 1;
    touch(s, c);
  }
  return n;
}

static i32 endpoint_read(struct stack *s, struct socket *socket, u8 *target, i32 length, struct datagram *from) {
  struct endpoint *e = socket->endpoint;
  if (e->closed) return -9;
  if (e->error) return -e->error;
  struct queue *q = e->queue;
  if (q->count == 0) return socket->read_shut ? 0 : -11;
  *from = q->records[q->first];
  i32 n = length < (i32)from->length ? length : (i32)from->length;
  buffer_copy(s, q->buffer, 0, target, n, 0);
  queue_shift(s, q);
  if (q->count == 0) {
    e->queue = &s->empty;
    s->free_queues[s->free_queue_count++] = q;
  }
  return n;
}
