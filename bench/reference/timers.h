// The hierarchical timing wheel of src/platform/timer-wheel.ts, and the deadlines of connections that stand on it.

static void wheel_file(struct wheel *w, struct timer *t, i32 at) {
  i32 delta = at - w->tick, look = at, level = 0;
  if (delta <= 0) {
    delta = 1;
    look = at = w->tick + 1;
  }
  while (level < LEVELS - 1 && delta >= 1 << ((level + 1) * BITS)) level++;
  i32 slot = level * SLOTS + ((u32)look >> (level * BITS) & (SLOTS - 1));
  t->at = at;
  t->slot = slot;
  t->prev = NULL;
  t->next = w->heads[slot];
  if (t->next) t->next->prev = t;
  w->heads[slot] = t;
  w->occupied[slot >> 5] |= 1u << (slot & 31);
  w->size++;
}

static void wheel_cancel(struct wheel *w, struct timer *t) {
  if (t->slot < 0) return;
  if (t->prev) t->prev->next = t->next;
  else {
    w->heads[t->slot] = t->next;
    if (!t->next) w->occupied[t->slot >> 5] &= ~(1u << (t->slot & 31));
  }
  if (t->next) t->next->prev = t->prev;
  t->slot = -1;
  w->size--;
}

static void set_timer(struct stack *s, struct conn *c, i32 timer, i32 at) {
  c->timers |= timer;
  switch (timer) {
    case TIMER_RETRANSMIT: c->retransmit_at = at; break;
    case TIMER_PERSIST: c->persist_at = at; break;
    case TIMER_DELACK: c->delack_at = at; break;
    default: c->cork_at = at;
  }
  if (c->timer.slot >= 0 && at - c->timer.at >= 0) return;
  wheel_cancel(&s->wheel, &c->timer);
  wheel_file(&s->wheel, &c->timer, at);
}

static void send_ack(struct stack *s, struct conn *c);

/** Something of a connection may be due; what is not stands up again. */
static void connection_timer(struct stack *s, struct conn *c) {
  if ((c->timers & TIMER_DELACK) && s->wheel.tick - c->delack_at >= 0) {
    c->timers &= ~TIMER_DELACK;
    if (c->ack_due) send_ack(s, c);
  }
  if (c->timers & TIMER_DELACK) wheel_file(&s->wheel, &c->timer, c->delack_at);
}

static void wheel_cascade(struct wheel *w) {
  for (i32 level = 1; level < LEVELS; level++) {
    if (w->tick & ((1 << (level * BITS)) - 1)) return;
    i32 slot = level * SLOTS + ((u32)w->tick >> (level * BITS) & (SLOTS - 1));
    struct timer *t = w->heads[slot];
    w->heads[slot] = NULL;
    w->occupied[slot >> 5] &= ~(1u << (slot & 31));
    while (t) {
      struct timer *next = t->next;
      w->size--;
      w->tick--;  // what is due at this very tick belongs into its slot
      wheel_file(w, t, t->at);
      w->tick++;
      t = next;
    }
  }
}

static void wheel_advance(struct stack *s, i32 target) {
  struct wheel *w = &s->wheel;
  while (target - w->tick > 0) {
    if (w->size == 0) {
      w->tick = target;
      return;
    }
    w->tick++;
    wheel_cascade(w);
    struct timer **head = &w->heads[w->tick & (SLOTS - 1)];
    while (*head) {
      struct timer *t = *head;
      wheel_cancel(w, t);
      connection_timer(s, (struct conn *)t);
    }
  }
}
