/* udp-client ADDRESS WINDOW SECONDS: keeps WINDOW datagrams of 64 bytes on their way to the echo port and counts those
 * that come back, after half a second of warming up. Prints: round trips per second, p50 and p99 of the round trip in
 * microseconds (of the one outstanding, when WINDOW is 1). */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SAMPLES 2000000

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int ascending(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

int main(int count, char **values) {
  if (count < 4) return 2;
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(7), .sin_addr.s_addr = inet_addr(values[1])};
  const int window = atoi(values[2]);
  const int64_t start = now(), from = start + 500000000, end = from + (int64_t)(atof(values[3]) * 1e9);
  char data[64] = {0}, back[64];
  float *samples = malloc(SAMPLES * sizeof *samples);
  long total = 0, sampled = 0;
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0 || samples == NULL || connect(fd, (struct sockaddr *)&to, sizeof to) < 0) return 1;
  int64_t sent = now();
  for (int i = 0; i < window; i++) send(fd, data, sizeof data, 0);
  for (;;) {
    struct pollfd poller = {fd, POLLIN, 0};
    int lost = 0;
    if (recv(fd, back, sizeof back, MSG_DONTWAIT) < 0) {
      lost = poll(&poller, 1, 200) == 0;
      if (!lost) continue;
    }
    int64_t time = now();
    if (time >= end) break;
    if (!lost && time >= from) {
      total++;
      if (window == 1 && sampled < SAMPLES) samples[sampled++] = (float)(time - sent) / 1000;
    }
    sent = now();
    for (int i = lost ? 0 : window - 1; i < window; i++) send(fd, data, sizeof data, 0);
  }
  qsort(samples, sampled, sizeof *samples, ascending);
  printf("%.0f %.1f %.1f\n", (double)total / ((double)(end - from) / 1e9), sampled ? samples[sampled / 2] : 0,
         sampled ? samples[sampled / 100 * 99] : 0);
  return 0;
}
