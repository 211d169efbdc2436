// Chunks, stream buffers and datagram queues (src/base/chunks.ts, src/base/stream-buffer.ts, src/udp/datagram-queue.ts).

static i32 chunk_take(struct pool *p) { return p->count > 0 ? p->list[--p->count] : NONE; }
static void chunk_give(struct pool *p, i32 chunk) { p->list[p->count++] = chunk; }

static struct buffer *buffer_take(struct stack *s) {
  if (s->free_buffer_count > 0) return s->free_buffers[--s->free_buffer_count];
  struct buffer *b = calloc(1, sizeof *b);
  b->only = NONE;
  return b;
}

static void buffer_clear(struct stack *s, struct buffer *b) {
  b->skip = 0;
  if (!b->many) {
    if (b->only != NONE) chunk_give(&s->pool, b->only);
    b->only = NONE;
    return;
  }
  for (i32 i = 0; i < b->span; i++) {
    i32 *slot = &b->ring[(b->first + i) & (b->size - 1)];
    if (*slot != NONE) chunk_give(&s->pool, *slot);
    *slot = NONE;
  }
  b->first = b->span = 0;
  b->many = 0;
}

static void buffer_give(struct stack *s, struct buffer *b) {
  buffer_clear(s, b);
  s->free_buffers[s->free_buffer_count++] = b;
}

static void buffer_widen(struct buffer *b, i32 want) {
  i32 size = b->size < 4 ? 4 : b->size;
  while (size < want) size *= 2;
  if (size != b->size) {
    i32 *ring = malloc((size_t)size * sizeof *ring);
    for (i32 i = 0; i < size; i++) ring[i] = i < b->span && b->size > 0 ? b->ring[(b->first + i) & (b->size - 1)] : NONE;
    free(b->ring);
    b->ring = ring;
    b->size = size;
    b->first = 0;
  }
  if (b->many) return;
  b->many = 1;
  b->first = 0;
  b->span = b->only == NONE ? 0 : 1;
  b->ring[0] = b->only;
  b->only = NONE;
}

static i32 buffer_ensure(struct stack *s, struct buffer *b, i32 distance, i32 length) {
  if (length == 0) return 0;
  i32 to = (b->skip + distance + length - 1) >> 13;
  if (to == 0 && !b->many) {
    if (b->only == NONE) b->only = chunk_take(&s->pool);
    return b->only == NONE ? 0 : length;
  }
  if (!b->many || to >= b->size) buffer_widen(b, to + 1);
  for (i32 i = (b->skip + distance) >> 13; i <= to; i++) {
    i32 *slot = &b->ring[(b->first + i) & (b->size - 1)];
    if (*slot != NONE) continue;
    *slot = chunk_take(&s->pool);
    if (*slot == NONE) return i * CHUNK - b->skip - distance;
    if (i >= b->span) b->span = i + 1;
  }
  return length;
}

static u8 *buffer_at(struct stack *s, struct buffer *b, i32 distance) {
  i32 at = b->skip + distance;
  if (!b->many) return s->pool.memory + b->only + at;
  return s->pool.memory + b->ring[(b->first + (at >> 13)) & (b->size - 1)] + (at & (CHUNK - 1));
}

static void buffer_copy(struct stack *s, struct buffer *b, i32 distance, u8 *data, i32 length, int write) {
  while (length > 0) {
    i32 n = CHUNK - ((b->skip + distance) & (CHUNK - 1));
    if (n > length) n = length;
    u8 *at = buffer_at(s, b, distance);
    if (write) memcpy(at, data, (size_t)n);
    else memcpy(data, at, (size_t)n);
    distance += n;
    data += n;
    length -= n;
  }
}

static void buffer_drop(struct stack *s, struct buffer *b, i32 length) {
  b->skip += length;
  if (b->skip < CHUNK) return;
  if (!b->many) {
    if (b->only != NONE) chunk_give(&s->pool, b->only);
    b->only = NONE;
    b->skip &= CHUNK - 1;
    return;
  }
  while (b->skip >= CHUNK && b->span > 0) {
    i32 *slot = &b->ring[b->first];
    if (*slot != NONE) chunk_give(&s->pool, *slot);
    *slot = NONE;
    b->first = (b->first + 1) & (b->size - 1);
    b->span--;
    b->skip -= CHUNK;
  }
  b->skip &= CHUNK - 1;
}

static struct queue *queue_take(struct stack *s) {
  if (s->free_queue_count > 0) return s->free_queues[--s->free_queue_count];
  struct queue *q = calloc(1, sizeof *q);
  q->buffer = buffer_take(s);
  q->size = 16;
  q->records = malloc((size_t)q->size * sizeof *q->records);
  return q;
}

static void queue_widen(struct queue *q) {
  struct datagram *records = malloc((size_t)q->size * 2 * sizeof *records);
  for (i32 i = 0; i < q->count; i++) records[i] = q->records[(q->first + i) & (q->size - 1)];
  free(q->records);
  q->records = records;
  q->first = 0;
  q->size *= 2;
}

/** Appends a datagram. 0: there is no room for it. */
static int queue_push(struct stack *s, struct queue *q, u8 *data, i32 length, struct datagram about, i32 limit) {
  if (q->count > 0 && q->bytes + (q->count + 1) * 64 + length > limit) return 0;
  if (buffer_ensure(s, q->buffer, q->bytes, length) < length) return 0;
  buffer_copy(s, q->buffer, q->bytes, data, length, 1);
  if (q->count == q->size) queue_widen(q);
  q->records[(q->first + q->count) & (q->size - 1)] = about;
  q->count++;
  q->bytes += length;
  return 1;
}

static void queue_shift(struct stack *s, struct queue *q) {
  i32 length = (i32)q->records[q->first].length;
  q->count--;
  q->bytes -= length;
  q->first = (q->first + 1) & (q->size - 1);
  if (q->count == 0) buffer_clear(s, q->buffer);
  else buffer_drop(s, q->buffer, length);
}
