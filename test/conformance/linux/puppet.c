/*
 * The kernel's TCP on a string. For each script a network namespace with a TUN device (10.0.0.2/24) is made, in which
 * the lines on the input are done: socket calls, packets that arrive at exact times. What the kernel sends is
 * collected with the time of CLOCK_MONOTONIC, in microseconds.
 *
 * Usage: puppet REQUESTS REPLIES THREAD, the first two FIFOs, the third the thread that asks. The first line of a script is `begin MTU SYSCTL=VALUE;...;`, and the
 * reply to it names the settings that were not taken by their places; `end` is the last.
 *
 * A request is a line; the reply is a line `P TIME HEX` for each packet sent since, and then `R RESULT ACTED NOW ...`
 * with a result of -errno or more, and the times of the act and of the reply. `-` stands for an empty string.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_PACKET 65536
#define MAX_LINE (4 << 20)

static int tun;
static FILE *in, *out;
static int in_fd;
static double acted;
static char line[MAX_LINE];
static unsigned char data[MAX_LINE / 2];

static double now(void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return ts.tv_sec * 1e6 + (double)(ts.tv_nsec / 1000);
}

static void die(const char *what) {
  fprintf(stderr, "puppet: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void put_hex(const unsigned char *bytes, long n) {
  static const char digits[] = "0123456789abcdef";
  for (long i = 0; i < n; i++) {
    putc(digits[bytes[i] >> 4], out);
    putc(digits[bytes[i] & 15], out);
  }
  if (n <= 0) putc('-', out);
}

static int digit(int c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

static long get_hex(const char *text, unsigned char *bytes) {
  long n = 0;
  if (text == NULL || *text == '-') return 0;
  for (; text[0] && text[1]; text += 2) bytes[n++] = (unsigned char)(digit(text[0]) << 4 | digit(text[1]));
  return n;
}

/* Tells of every packet that waits. Returns how many there were; IPv6's own chatter is none. */
static int collect(void) {
  static unsigned char packet[MAX_PACKET];
  int count = 0;
  for (;;) {
    long n = read(tun, packet, sizeof packet);
    if (n <= 0) return count;
    if ((packet[0] >> 4) != 4) continue;
    fprintf(out, "P %.0f ", now());
    put_hex(packet, n);
    putc('\n', out);
    count++;
  }
}

/* Until `at`, or until `enough` packets came. */
static void wait_until(double at, int enough) {
  int count = collect();
  for (;;) {
    double left = at - now();
    if (left <= 0 || (enough > 0 && count >= enough)) return;
    struct pollfd p = {.fd = tun, .events = POLLIN};
    struct timespec ts = {.tv_sec = (long)(left / 1e6), .tv_nsec = (long)(((long long)left % 1000000) * 1000)};
    ppoll(&p, 1, &ts, NULL);
    count += collect();
  }
}

static void reply(long result, const char *format, ...) {
  va_list args;
  collect();
  fprintf(out, "R %ld %.0f %.0f", result, acted, now());
  if (format != NULL) {
    va_start(args, format);
    vfprintf(out, format, args);
    va_end(args);
  }
  putc('\n', out);
  fflush(out);
}

static void reply_hex(long result, const unsigned char *bytes, long n) {
  collect();
  fprintf(out, "R %ld %.0f %.0f ", result, acted, now());
  put_hex(bytes, n);
  putc('\n', out);
  fflush(out);
}

static long result_of(long rc) { return rc < 0 ? -errno : rc; }

static long put_file(const char *path, const char *value) {
  int fd = open(path, O_WRONLY);
  if (fd < 0) return -errno;
  long rc = result_of(write(fd, value, strlen(value)));
  close(fd);
  return rc;
}

/* net.ipv4.tcp_sack=1; the value ends the argument */
static long put_sysctl(char *setting) {
  char path[512] = "/proc/sys/";
  char *value = strchr(setting, '=');
  if (value == NULL) return -EINVAL;
  *value++ = 0;
  size_t at = strlen(path);
  for (const char *c = setting; *c && at < sizeof path - 1; c++) path[at++] = *c == '.' ? '/' : *c;
  path[at] = 0;
  return put_file(path, value);
}

static struct sockaddr_in address_of(const char *text, int port) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
  inet_pton(AF_INET, text, &a.sin_addr);
  return a;
}

static void reply_name(int (*call)(int, struct sockaddr *, socklen_t *), int fd) {
  struct sockaddr_in a = {0};
  socklen_t length = sizeof a;
  long rc = result_of(call(fd, (struct sockaddr *)&a, &length));
  char text[INET_ADDRSTRLEN] = "";
  inet_ntop(AF_INET, &a.sin_addr, text, sizeof text);
  reply(rc, " %s %d", text, ntohs(a.sin_port));
}

static void device(int mtu) {
  struct ifreq r = {0};
  int s = socket(AF_INET, SOCK_DGRAM, 0);
  strcpy(r.ifr_name, "lo");
  r.ifr_flags = IFF_UP;
  if (s < 0 || ioctl(s, SIOCSIFFLAGS, &r) < 0) die("lo");
  memset(&r, 0, sizeof r);
  strcpy(r.ifr_name, "tun0");
  r.ifr_flags = IFF_TUN | IFF_NO_PI;
  tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (tun < 0 || ioctl(tun, TUNSETIFF, &r) < 0) die("/dev/net/tun");
  struct sockaddr_in a = address_of("10.0.0.2", 0);
  memcpy(&r.ifr_addr, &a, sizeof a);
  if (ioctl(s, SIOCSIFADDR, &r) < 0) die("address");
  a = address_of("255.255.255.0", 0);
  memcpy(&r.ifr_netmask, &a, sizeof a);
  if (ioctl(s, SIOCSIFNETMASK, &r) < 0) die("netmask");
  r.ifr_mtu = mtu;
  if (ioctl(s, SIOCSIFMTU, &r) < 0) die("mtu");
  r.ifr_flags = IFF_UP | IFF_RUNNING;
  if (ioctl(s, SIOCSIFFLAGS, &r) < 0) die("up");
  close(s);
}

static long inject(double at) {
  char *hex;
  long rc = 0;
  wait_until(at, 0);
  acted = now();
  while (rc >= 0 && (hex = strtok(NULL, " \n")) != NULL) rc = result_of(write(tun, data, (size_t)get_hex(hex, data)));
  return rc;
}

static void reply_file(const char *path) {
  int fd = open(path, O_RDONLY);
  long n = 0, rc = fd < 0 ? -errno : 0;
  while (fd >= 0 && (rc = read(fd, data + n, sizeof data - (size_t)n)) > 0) n += rc;
  if (fd >= 0) close(fd);
  reply_hex(rc < 0 ? rc : n, data, n);
}

static void reply_receive(int fd, long n, int flags) {
  long rc = result_of(recv(fd, data, (size_t)n < sizeof data ? (size_t)n : sizeof data, flags | MSG_DONTWAIT));
  reply_hex(rc, data, (flags & MSG_TRUNC) || rc < 0 ? 0 : rc);
}

static void reply_option(int fd, int level, int name) {
  unsigned char value[512];
  socklen_t length = sizeof value;
  long rc = result_of(getsockopt(fd, level, name, value, &length));
  reply_hex(rc, value, rc < 0 ? 0 : (long)length);
}

/* Calls that take a descriptor and up to three words. */
static void call(const char *verb, int fd) {
  char *a = strtok(NULL, " \n"), *b = strtok(NULL, " \n"), *c = strtok(NULL, " \n");
  struct sockaddr_in name = address_of(a ? a : "0.0.0.0", b ? atoi(b) : 0);
  if (!strcmp(verb, "bind")) reply(result_of(bind(fd, (struct sockaddr *)&name, sizeof name)), NULL);
  else if (!strcmp(verb, "listen")) reply(result_of(listen(fd, atoi(a))), NULL);
  else if (!strcmp(verb, "accept")) reply(result_of(accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)), NULL);
  else if (!strcmp(verb, "connect")) reply(result_of(connect(fd, (struct sockaddr *)&name, sizeof name)), NULL);
  else if (!strcmp(verb, "send"))
    reply(result_of(send(fd, data, (size_t)get_hex(a, data), MSG_DONTWAIT | MSG_NOSIGNAL | (b ? atoi(b) : 0))), NULL);
  else if (!strcmp(verb, "sendto")) {
    long n = get_hex(c, data);
    char *flags = strtok(NULL, " \n");
    reply(result_of(sendto(fd, data, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL | (flags ? atoi(flags) : 0),
                           (struct sockaddr *)&name, sizeof name)), NULL);
  } else if (!strcmp(verb, "recv")) reply_receive(fd, atol(a), b ? atoi(b) : 0);
  else if (!strcmp(verb, "shutdown")) reply(result_of(shutdown(fd, atoi(a))), NULL);
  else if (!strcmp(verb, "close")) reply(result_of(close(fd)), NULL);
  else if (!strcmp(verb, "set")) {
    long n = get_hex(c, data);
    reply(result_of(setsockopt(fd, atoi(a), atoi(b), data, (socklen_t)n)), NULL);
  } else if (!strcmp(verb, "get")) reply_option(fd, atoi(a), atoi(b));
  else if (!strcmp(verb, "name")) reply_name(getsockname, fd);
  else if (!strcmp(verb, "peer")) reply_name(getpeername, fd);
  else if (!strcmp(verb, "mark")) {
    int at = 0;
    long rc = result_of(ioctl(fd, SIOCATMARK, &at));
    reply(rc < 0 ? rc : at, NULL);
  } else if (!strcmp(verb, "poll")) {
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP};
    long rc = result_of(poll(&p, 1, 0));
    reply(rc < 0 ? rc : p.revents, NULL);
  } else reply(-ENOSYS, NULL);
}

static int serve(void) {
  char *verb = strtok(line, " \n");
  if (verb == NULL || !strcmp(verb, "end")) return 0;
  if (!strcmp(verb, "wait")) {
    double at = atof(strtok(NULL, " \n"));
    char *enough = strtok(NULL, " \n");
    wait_until(at, enough ? atoi(enough) : 0);
    acted = now();
    reply(0, NULL);
  } else if (!strcmp(verb, "inject")) {
    double at = atof(strtok(NULL, " \n"));
    reply(inject(at), NULL);
  } else if (!strcmp(verb, "file")) {
    reply_file(strtok(NULL, " \n"));
  } else {
    char *fd = strtok(NULL, " \n");
    acted = now();
    if (!strcmp(verb, "socket")) reply(result_of(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)), NULL);
    else call(verb, fd ? atoi(fd) : -1);
  }
  return 1;
}

/* Packets are stamped when they come, not when the next request does. */
static void await_request(void) {
  for (;;) {
    struct pollfd p[2] = {{.fd = in_fd, .events = POLLIN}, {.fd = tun, .events = POLLIN}};
    if (poll(p, 2, -1) < 0) exit(0);
    if (p[1].revents) collect();
    if (p[0].revents) return;
  }
}

/* So that what is seen is the kernel's timing, not the wait for a processor. Without the right to it: then not. */
static void hurry(pid_t thread, int priority) {
  struct sched_param p = {.sched_priority = priority};
  sched_setscheduler(thread, SCHED_RR, &p);
}

/* A script, in a process and a namespace that end with it. */
static int script(void) {
  char *setting;
  strtok(line, " \n");
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (unshare(CLONE_NEWNET) < 0) die("unshare");
  put_file("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
  put_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
  device(atoi(strtok(NULL, " \n")));
  hurry(0, 2);
  acted = now();
  fprintf(out, "R 0 %.0f %.0f", acted, acted);
  for (int i = 0; (setting = strtok(NULL, ";\n")) != NULL; i++)
    if (put_sysctl(setting) < 0) fprintf(out, " %d", i);
  putc('\n', out);
  fflush(out);
  for (;;) {
    await_request();
    if (fgets(line, sizeof line, in) == NULL) return 0;
    if (!serve()) break;
  }
  reply(0, NULL);
  return 0;
}

int main(int argc, char **argv) {
  static char buffer[1 << 20];
  if (argc < 4) return 2;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if ((in_fd = open(argv[1], O_RDONLY)) < 0 || (in = fdopen(in_fd, "r")) == NULL) die(argv[1]);
  if ((out = fopen(argv[2], "w")) == NULL) die(argv[2]);
  hurry(atoi(argv[3]), 1);
  setvbuf(out, buffer, _IOFBF, sizeof buffer);
  while (fgets(line, sizeof line, in) != NULL) {
    int status;
    pid_t child = fork();
    if (child < 0) die("fork");
    if (child == 0) _exit(script());
    if (waitpid(child, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) return 1;
  }
  return 0;
}
