// The kernel's TCP at one end of a transfer.
//
//   peer sink   NETNS ADDRESS PORT CC SECONDS    accepts one connection and counts what comes in SECONDS from then on
//   peer source NETNS ADDRESS PORT CC SECONDS    connects and sends as much as it can until the sink is gone
//
// Says "ready" when a source may connect; ends with one line of JSON. CC goes to TCP_CONGESTION, and must have taken.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

// Longest wait for a connection: several SYNs may be lost.
#define PATIENCE 60.0
// RTT is looked at so often.
#define SAMPLE 0.1
#define SAMPLES 4096

// A source whose sink has gone hears of it by a reset; if it does not, it ends so much later.
#define GRACE 5.0
// Where tcpi_total_rto stands, which the kernel has since 6.7 and headers may not have yet.
#define TOTAL_RTO 240

// More than any kernel's struct tcp_info.
union info {
  struct tcp_info known;
  unsigned char raw[512];
};

static char block[65536];
static unsigned rtts[SAMPLES];

static void die(const char *what) {
  fprintf(stderr, "peer: %s: %s\n", what, strerror(errno));
  exit(1);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void enter(const char *netns) {
  int fd = open(netns, O_RDONLY);
  if (fd < 0 || setns(fd, CLONE_NEWNET) < 0) die(netns);
  close(fd);
}

static int open_socket(const char *cc) {
  char got[32] = "";
  socklen_t length = sizeof got - 1;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) die("socket");
  if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, cc, strlen(cc)) < 0) die(cc);
  if (getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, got, &length) < 0) die("getsockopt TCP_CONGESTION");
  if (strcmp(got, cc) != 0) {
    fprintf(stderr, "peer: asked for %s, got %s\n", cc, got);
    exit(1);
  }
  return fd;
}

// Closes with a reset, so that nothing lingers in the namespace.
static void slam(int fd) {
  struct linger linger = {1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  close(fd);
}

// Whether what is waited for came.
static int wait_for(int fd, short events, double until) {
  struct pollfd p = {fd, events, 0};
  const double left = until - now();
  return left > 0 && poll(&p, 1, (int)(left * 1000) + 1) > 0;
}

static int sink(const struct sockaddr_in *address, const char *cc, double seconds) {
  int listener = open_socket(cc);
  int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (const struct sockaddr *)address, sizeof *address) < 0) die("bind");
  if (listen(listener, 1) < 0) die("listen");
  printf("ready\n");
  fflush(stdout);
  if (!wait_for(listener, POLLIN, now() + PATIENCE)) {
    fprintf(stderr, "peer: nobody connected\n");
    return 1;
  }
  int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
  if (fd < 0) die("accept");
  const double end = now() + seconds;
  unsigned long long bytes = 0;
  while (now() < end) {
    wait_for(fd, POLLIN, end);
    if (now() >= end) break;
    const ssize_t n = recv(fd, NULL, 1 << 20, MSG_TRUNC);
    if (n == 0) die("the source ended early");
    if (n > 0) bytes += n;
    else if (errno != EAGAIN) die("recv");
  }
  printf("{\"bytes\":%llu}\n", bytes);
  slam(fd);
  return 0;
}

static int by_value(const void *a, const void *b) {
  const unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
  return x < y ? -1 : x > y;
}

static void report(const union info *info, socklen_t length, int samples) {
  __u16 timeouts = 0;
  memcpy(&timeouts, info->raw + TOTAL_RTO, sizeof timeouts);
  qsort(rtts, samples, sizeof *rtts, by_value);
  printf("{\"retransmits\":%u,\"segments\":%u,\"timeouts\":%d,\"minRtt\":%u,\"rtt\":%u}\n", info->known.tcpi_total_retrans,
         info->known.tcpi_data_segs_out, length >= TOTAL_RTO + sizeof timeouts ? timeouts : -1, info->known.tcpi_min_rtt,
         samples > 0 ? rtts[samples / 2] : 0);
}

static int source(const struct sockaddr_in *address, const char *cc, double seconds) {
  union info info;
  socklen_t length = 0;
  int samples = 0;
  int fd = open_socket(cc);
  const struct timeval patience = {(time_t)PATIENCE, 0};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  printf("ready\n");
  fflush(stdout);
  if (connect(fd, (const struct sockaddr *)address, sizeof *address) < 0) die("connect");
  fcntl(fd, F_SETFL, O_NONBLOCK);
  memset(&info, 0, sizeof info);
  const double end = now() + seconds;
  double next = now() + SAMPLE;
  for (;;) {
    const double t = now();
    if (t >= end + GRACE) break;
    if (t >= next && t < end) {
      length = sizeof info;
      if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0) die("TCP_INFO");
      if (samples < SAMPLES) rtts[samples++] = info.known.tcpi_rtt;
      next += SAMPLE;
    }
    const ssize_t n = send(fd, block, sizeof block, 0);
    if (n < 0 && errno != EAGAIN) break;
    if (n < 0) wait_for(fd, POLLOUT, next < end ? next : end + GRACE);
  }
  report(&info, length, samples);
  slam(fd);
  return 0;
}

int main(int argc, char **argv) {
  if (argc != 7) {
    fprintf(stderr, "usage: peer sink|source NETNS ADDRESS PORT CC SECONDS\n");
    return 2;
  }
  struct sockaddr_in address = {0};
  address.sin_family = AF_INET;
  address.sin_port = htons(atoi(argv[4]));
  if (inet_pton(AF_INET, argv[3], &address.sin_addr) != 1) die("address");
  signal(SIGPIPE, SIG_IGN);
  // Nobody waits for the result of a transfer whose benchmark was interrupted.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  enter(argv[2]);
  const double seconds = atof(argv[6]);
  return strcmp(argv[1], "sink") == 0 ? sink(&address, argv[5], seconds) : source(&address, argv[5], seconds);
}
