/*
 * Plays scripts of socket calls in a network namespace of its own and prints the errno of each call.
 * One case a line, calls separated by spaces; sockets are numbered 0 to 9:
 *   s0t10       socket 0, tcp (u: udp), SO_REUSEADDR 1, SO_REUSEPORT 0
 *   b0@A:5000   bind     l0 listen     c0 close     oA01 / oP01 set SO_REUSEADDR / SO_REUSEPORT of socket 0 to 1
 *   p0          a client connects to listener 0 and is accepted; prints 1000 + the listener that got it
 *   w0          the last child of listener 0 closes before its client: TIME-WAIT
 *   x0          socket 0 connects to a server
 * Usage: bind-matrix LOW HIGH, the range of ephemeral ports.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKETS 10
#define HELD 64

struct slot {
  int fd, bound, listening, child, client;
  char type;
  struct sockaddr_in at;
};

static struct slot slots[SOCKETS];
static int held[HELD], held_count;
static int server;
static struct sockaddr_in server_at;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void enter_namespace(const char *low, const char *high) {
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
  if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) fail("unshare");
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) != 0) fail("lo up");
  close(fd);
  FILE *range = fopen("/proc/sys/net/ipv4/ip_local_port_range", "w");
  if (range == NULL || fprintf(range, "%s %s\n", low, high) < 0 || fclose(range) != 0) fail("ip_local_port_range");
}

static void start_server(void) {
  server = socket(AF_INET, SOCK_STREAM, 0);
  server_at.sin_family = AF_INET;
  server_at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  server_at.sin_port = htons(999);
  if (bind(server, (struct sockaddr *)&server_at, sizeof server_at) != 0 || listen(server, 4096) != 0) fail("server");
}

static void keep(int fd) {
  if (held_count < HELD) held[held_count++] = fd;
  else close(fd);
}

static int open_socket(struct slot *s, const char *op) {
  int address = op[3] - '0', port = op[4] - '0';
  s->type = op[2];
  s->fd = socket(AF_INET, s->type == 't' ? SOCK_STREAM : SOCK_DGRAM, 0);
  if (s->fd < 0) return errno;
  setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &address, sizeof address);
  setsockopt(s->fd, SOL_SOCKET, SO_REUSEPORT, &port, sizeof port);
  return 0;
}

static int bind_socket(struct slot *s, const char *op) {
  char text[32];
  int port;
  if (sscanf(op + 3, "%31[^:]:%d", text, &port) != 2) return 9999;
  s->at.sin_family = AF_INET;
  s->at.sin_port = htons(port);
  inet_pton(AF_INET, text, &s->at.sin_addr);
  if (bind(s->fd, (struct sockaddr *)&s->at, sizeof s->at) != 0) return errno;
  s->bound = 1;
  return 0;
}

/* Which listener got the connection is the kernel's choice where they share a port. */
static int accept_child(void) {
  struct pollfd wait[SOCKETS];
  for (int i = 0; i < SOCKETS; i++) {
    wait[i].fd = slots[i].listening ? slots[i].fd : -1;
    wait[i].events = POLLIN;
  }
  if (poll(wait, SOCKETS, 2000) < 1) return -1;
  for (int i = 0; i < SOCKETS; i++)
    if (wait[i].fd >= 0 && (wait[i].revents & POLLIN)) return i;
  return -1;
}

static int peer(struct slot *s) {
  struct sockaddr_in to = s->at;
  if (!s->listening) return 0;
  if (to.sin_addr.s_addr == 0) to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int client = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(client, (struct sockaddr *)&to, sizeof to) != 0) return 2000 + errno;
  int got = accept_child();
  if (got < 0) return 9998;
  slots[got].child = accept(slots[got].fd, NULL, NULL);
  slots[got].client = client;
  keep(slots[got].child);
  keep(client);
  return 1000 + got;
}

static int time_wait(struct slot *s) {
  if (s->child < 0) return 0;
  char byte;
  shutdown(s->child, SHUT_WR);
  if (read(s->client, &byte, 1) != 0) return 9997;
  shutdown(s->client, SHUT_WR);
  if (read(s->child, &byte, 1) != 0) return 9996;
  for (int i = 0; i < held_count; i++)
    if (held[i] == s->child || held[i] == s->client) held[i--] = held[--held_count];
  close(s->child);
  close(s->client);
  s->child = s->client = -1;
  return 0;
}

static int play(const char *op) {
  struct slot *s = &slots[op[0] == 'o' ? op[2] - '0' : op[1] - '0'];
  int value = op[0] == 'o' ? op[3] - '0' : 0;
  switch (op[0]) {
    case 's': return open_socket(s, op);
    case 'b': return bind_socket(s, op);
    case 'l':
      if (!s->bound) return 0; /* it would take a port of its own */
      if (listen(s->fd, 16) != 0) return errno;
      s->listening = 1;
      return 0;
    case 'c':
      if (s->fd >= 0) close(s->fd);
      s->fd = -1;
      s->listening = s->bound = 0;
      return 0;
    case 'o':
      setsockopt(s->fd, SOL_SOCKET, op[1] == 'A' ? SO_REUSEADDR : SO_REUSEPORT, &value, sizeof value);
      return 0;
    case 'p': return peer(s);
    case 'w': return time_wait(s);
    case 'x':
      if (!s->bound || s->listening || s->type != 't') return 0;
      return connect(s->fd, (struct sockaddr *)&server_at, sizeof server_at) != 0 ? errno : 0;
    default: return 9999;
  }
}

static void reset(void) {
  for (int i = 0; i < SOCKETS; i++) {
    if (slots[i].fd >= 0) close(slots[i].fd);
    memset(&slots[i], 0, sizeof slots[i]);
    slots[i].fd = slots[i].child = slots[i].client = -1;
  }
  while (held_count > 0) close(held[--held_count]);
}

int main(int argc, char **argv) {
  static char line[4096];
  if (argc != 3) return 2;
  enter_namespace(argv[1], argv[2]);
  start_server();
  for (int i = 0; i < SOCKETS; i++) slots[i].fd = -1;
  while (fgets(line, sizeof line, stdin) != NULL) {
    reset();
    for (char *op = strtok(line, " \n"); op != NULL; op = strtok(NULL, " \n")) printf("%d ", play(op));
    printf("\n");
  }
  return 0;
}
