/* Sending: one writev per row of the transmit queue. */
#define _GNU_SOURCE
#include "tap.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

/* vnet header, head, and pieces: 64 KB in chunks of 8 KB is 9; IP fragments of odd chunks some more. */
#define MAX_VECTORS 256
#define SMALL 512

static void vnet_header(struct virtio_net_hdr_mrg_rxbuf *to, const int32_t *row) {
  static const uint8_t types[] = {
      [GSO_NONE] = VIRTIO_NET_HDR_GSO_NONE,
      [GSO_TCP4] = VIRTIO_NET_HDR_GSO_TCPV4,
      [GSO_UDP4] = VIRTIO_NET_HDR_GSO_UDP_L4,
      [GSO_TCP6] = VIRTIO_NET_HDR_GSO_TCPV6,
  };
  const uint32_t gso = (uint32_t)row[TX_GSO], csum = (uint32_t)row[TX_CSUM];
  memset(to, 0, sizeof *to);
  if (csum != 0) {
    to->hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    to->hdr.csum_start = (uint16_t)(csum >> 16);
    to->hdr.csum_offset = (uint16_t)csum;
  }
  if (gso != 0) {
    to->hdr.gso_type = types[gso >> 16 & 3];
    to->hdr.gso_size = (uint16_t)gso;
    to->hdr.hdr_len = (uint16_t)row[TX_L4];
  }
}

/* Adds [at, at + length) to the vectors, to the last one where it ends there. Returns their number, or -1. */
static int append(const struct port *port, struct iovec *vectors, int count, int32_t at, int32_t length) {
  if (length <= 0) return length == 0 ? count : -1;
  if (at < 0 || (size_t)at + (size_t)length > port->memory_size) return -1;
  uint8_t *base = port->memory + at;
  struct iovec *last = vectors + count - 1;
  if (count > 0 && (uint8_t *)last->iov_base + last->iov_len == base) {
    last->iov_len += (size_t)length;
    return count;
  }
  if (count == MAX_VECTORS) return -1;
  vectors[count].iov_base = base;
  vectors[count].iov_len = (size_t)length;
  return count + 1;
}

/* A small frame in one run: copied behind its vnet header it needs no vector, which costs the kernel more. */
static ssize_t send_small(struct port *port, const struct virtio_net_hdr_mrg_rxbuf *header, const struct iovec *run) {
  uint8_t frame[sizeof *header + SMALL];
  memcpy(frame, header, sizeof *header);
  memcpy(frame + sizeof *header, run->iov_base, run->iov_len);
  return write(port->fd, frame, sizeof *header + run->iov_len);
}

/* write() of one row; -1 with errno. */
static ssize_t send_row(struct port *port, const int32_t *row) {
  struct virtio_net_hdr_mrg_rxbuf header;
  struct iovec vectors[MAX_VECTORS];
  int count = 0;
  if (port->header > 0) {
    vnet_header(&header, row);
    vectors[count++] = (struct iovec){&header, sizeof header};
  }
  count = append(port, vectors, count, row[TX_HEAD], row[TX_HEAD_LENGTH]);
  const int64_t first = row[TX_PIECE], end = first + row[TX_PIECES];
  if (first < 0 || end > (int64_t)port->tx_piece_count) count = -1;
  for (int64_t piece = first; piece < end && count >= 0; piece++)
    count = append(port, vectors, count, port->tx_pieces[2 * piece], port->tx_pieces[2 * piece + 1]);
  if (count <= 0) {
    errno = EINVAL;
    return -1;
  }
  if (count == 2 && port->header > 0 && vectors[1].iov_len <= SMALL) return send_small(port, &header, vectors + 1);
  if (count == 1) return write(port->fd, vectors[0].iov_base, vectors[0].iov_len);
  return writev(port->fd, vectors, count);
}

int port_transmit(struct port *port, int from, int to) {
  int index = from;
  while (index < to) {
    if (send_row(port, port->tx_rows + (size_t)index * TX_STRIDE) >= 0) port->counters[COUNT_TX_FRAMES]++;
    else if (errno == EINTR) continue;
    else if (errno == EAGAIN || errno == ENOBUFS) {
      port->counters[COUNT_TX_BLOCKED]++;
      port_wait(port, port->events | UV_WRITABLE);
      break;
    } else port->counters[errno == EIO ? COUNT_TX_DOWN : COUNT_TX_ERRORS]++;
    index++;
  }
  return index - from;
}
