/* Receiving: read until the TAP is empty, one JS call per batch, and a little spinning before going back to epoll. */
#define _GNU_SOURCE
#include "tap.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

/* A poll callback ends after so much, so that a flood cannot starve timers and the rest of the program. */
#define BATCHES_PER_WAKEUP 8
#define NS_PER_WAKEUP 500000
/* A batch of large frames ends here, so that it is still in the cache when JS reads it. */
#define BATCH_BYTES (256 * 1024)

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int32_t gso_of(const struct virtio_net_hdr *header) {
  int kind;
  switch (header->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
    case VIRTIO_NET_HDR_GSO_TCPV4: kind = GSO_TCP4; break;
    case VIRTIO_NET_HDR_GSO_UDP_L4: kind = GSO_UDP4; break;
    case VIRTIO_NET_HDR_GSO_TCPV6: kind = GSO_TCP6; break;
    default: return 0;
  }
  return kind << 16 | header->gso_size;
}

static void write_row(struct port *port, int index, uint32_t slot, int length) {
  int32_t *row = port->rx_rows + index * RX_STRIDE;
  int32_t flags = 0, gso = 0;
  if (port->header > 0) {
    struct virtio_net_hdr header;
    memcpy(&header, port->memory + slot + FRAME_AT - port->header, sizeof header);
    if (header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) flags = RX_CSUM_PARTIAL;
    else if (header.flags & VIRTIO_NET_HDR_F_DATA_VALID) flags = RX_CSUM_VALID;
    gso = gso_of(&header);
  }
  row[RX_FRAME] = (int32_t)(slot + FRAME_AT);
  row[RX_LENGTH] = length;
  row[RX_FLAGS] = flags;
  row[RX_GSO] = gso;
}

/* One batch: the number of rows filled in. Sets port->down when the device is gone. */
static int fill(struct port *port) {
  const size_t room = port->room + (size_t)port->header;
  size_t bytes = 0;
  int count = 0;
  /* Dropped frames are attempts too: no endless loop on a flood of them. */
  for (uint32_t attempt = 0; attempt < port->slots && bytes < BATCH_BYTES; attempt++) {
    uint32_t slot = port->base + (uint32_t)count * port->stride;
    ssize_t got = read(port->fd, port->memory + slot + FRAME_AT - port->header, room);
    if (got < 0) {
      if (errno == EAGAIN) break;
      if (errno == EINTR) continue;
      /* The kernel could not put one frame's offloads into a vnet header; that frame is gone, the link is not. */
      if (errno != EINVAL) {
        port->down = errno;
        break;
      }
      port->counters[COUNT_RX_ERRORS]++;
    } else if ((size_t)got >= room) port->counters[COUNT_RX_TRUNCATED]++;
    else if (got <= port->header) port->counters[COUNT_RX_ERRORS]++;
    else {
      write_row(port, count++, slot, (int)(got - port->header));
      bytes += (size_t)got;
    }
  }
  port->counters[COUNT_RX_FRAMES] += count;
  return count;
}

/* Where spinning never paid lately (one CPU, or a slow peer), it is only tried now and then. */
static int64_t spin_time(struct port *port) {
  if (port->luck > 0 || (++port->turn & 15) == 0) return port->spin;
  return 0;
}

void port_receive(struct port *port) {
  const int64_t begin = now();
  int64_t quiet = begin, spin = spin_time(port);
  port->counters[COUNT_WAKEUPS]++;
  for (int batches = 0; batches < BATCHES_PER_WAKEUP;) {
    int count = fill(port);
    if (count > 0) {
      if (quiet != begin && port->luck < 8) port->luck++;
      batches++;
      port->counters[COUNT_BATCHES]++;
      if (!port_call(port, REF_ON_BATCH, count) || port->fd < 0 || port->memory == NULL) return;
      quiet = now();
      if (quiet - begin >= NS_PER_WAKEUP) return;
      continue;
    }
    if (port->down != 0) return;
    int64_t time = now();
    if (time - quiet >= spin || time - begin >= NS_PER_WAKEUP) {
      if (spin > 0 && port->luck > -8) port->luck--;
      return;
    }
  }
}
