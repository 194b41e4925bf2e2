/* What processes do all day, at full speed or at a given rate, measured by itself: `activity WHAT COUNT RATE FOLDER`. Prints one
 * line of JSON. The parent's half of a connection or a name look-up (the server) belongs to the work. Static.
 *
 *   open      a file that is there is opened for reading and closed
 *   files     a file is created, written to, closed, renamed and removed
 *   connect   a connection over loopback is made, accepted, and closed on both sides
 *   names     a name is asked for by UDP and answered, over loopback, port 53 of 127.0.0.99
 *   getppid   a system call that nobody watches */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static long long now_ns(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static const char *folder;
static char path[2][4096];
static int listener = -1, asker = -1;
static struct sockaddr_in address;

static void open_start(void) {
  snprintf(path[0], sizeof(path[0]), "%s/plain", folder);
  int fd = open(path[0], O_CREAT | O_WRONLY, 0600);
  if (fd < 0) fail(path[0]);
  close(fd);
}

static void open_once(long i) {
  (void)i;
  int fd = open(path[0], O_RDONLY);
  if (fd < 0) fail(path[0]);
  close(fd);
}

static void open_end(void) { unlink(path[0]); }

static void files_once(long i) {
  static const char text[100];
  snprintf(path[0], sizeof(path[0]), "%s/made-%ld", folder, i);
  snprintf(path[1], sizeof(path[1]), "%s/named-%ld", folder, i);
  int fd = open(path[0], O_CREAT | O_EXCL | O_WRONLY, 0600);
  if (fd < 0 || write(fd, text, sizeof(text)) != (ssize_t)sizeof(text)) fail(path[0]);
  close(fd);
  if (rename(path[0], path[1]) || unlink(path[1])) fail(path[1]);
}

static void connect_start(void) {
  socklen_t size = sizeof(address);
  listener = socket(AF_INET, SOCK_STREAM, 0);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 128)) fail("listen");
  getsockname(listener, (struct sockaddr *)&address, &size);
}

static void connect_once(long i) {
  (void)i;
  struct linger now = {1, 0};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, (struct sockaddr *)&address, sizeof(address))) fail("connect");
  int other = accept(listener, NULL, NULL);
  if (other < 0) fail("accept");
  /* No TIME_WAIT: the ports of one address would not last. */
  setsockopt(other, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  close(other);
  close(fd);
}

/* Answers every question with itself and one address. */
static void *answer(void *unused) {
  unsigned char text[512];
  struct sockaddr_in from;
  (void)unused;
  for (;;) {
    socklen_t size = sizeof(from);
    ssize_t n = recvfrom(listener, text, sizeof(text) - 16, 0, (struct sockaddr *)&from, &size);
    if (n < 12) return NULL;
    static const unsigned char record[16] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1};
    memcpy(text + n, record, sizeof(record));
    text[2] = 0x81;
    text[3] = 0x80;
    text[7] = 1;
    sendto(listener, text, (size_t)n + sizeof(record), 0, (struct sockaddr *)&from, size);
  }
}

static void names_start(void) {
  pthread_t thread;
  listener = socket(AF_INET, SOCK_DGRAM, 0);
  asker = socket(AF_INET, SOCK_DGRAM, 0);
  address.sin_family = AF_INET;
  address.sin_port = htons(53);
  inet_pton(AF_INET, "127.0.0.99", &address.sin_addr);
  if (bind(listener, (struct sockaddr *)&address, sizeof(address))) fail("bind 127.0.0.99:53");
  if (connect(asker, (struct sockaddr *)&address, sizeof(address))) fail("connect");
  if (pthread_create(&thread, NULL, answer, NULL)) fail("pthread_create");
}

static void names_once(long i) {
  unsigned char text[512] = {0, 0, 1, 0, 0, 1};
  text[0] = (unsigned char)(i >> 8);
  text[1] = (unsigned char)i;
  int n = 12 + 1 + sprintf((char *)text + 13, "n%07ld", i);
  text[12] = 8;
  memcpy(text + n, "\7example\0\0\1\0\1", 13);
  if (send(asker, text, (size_t)n + 13, 0) < 0 || recv(asker, text, sizeof(text), 0) < 12) fail("a question");
}

static void getppid_once(long i) {
  (void)i;
  syscall(SYS_getppid);
}

static void nothing(void) {}

static const struct {
  const char *name;
  void (*start)(void), (*once)(long), (*end)(void);
} works[] = {
  {"open", open_start, open_once, open_end},
  {"files", nothing, files_once, nothing},
  {"connect", connect_start, connect_once, nothing},
  {"names", names_start, names_once, nothing},
  {"getppid", nothing, getppid_once, nothing},
};

int main(int argc, char **argv) {
  if (argc != 5) return 64;
  long count = atol(argv[2]), rate = atol(argv[3]);
  folder = argv[4];
  for (size_t w = 0; w < sizeof(works) / sizeof(works[0]); w++) {
    if (strcmp(works[w].name, argv[1])) continue;
    works[w].start();
    long long began = now_ns(CLOCK_MONOTONIC);
    for (long i = 0; i < count; i++) {
      works[w].once(i);
      /* Paced by the clock, in bursts of ten: a sleep for each would measure the timer. */
      if (rate > 0 && i % 10 == 9) {
        long long due = began + (i + 1) * 1000000000LL / rate;
        struct timespec until = {due / 1000000000LL, due % 1000000000LL};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
      }
    }
    long long wall = now_ns(CLOCK_MONOTONIC) - began;
    works[w].end();
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    long long cpu = (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000000LL +
                    (used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1000LL;
    printf("{\"done\":%ld,\"wallNs\":%lld,\"cpuNs\":%lld}\n", count, wall, cpu);
    fflush(stdout);
    _exit(0);
  }
  return 64;
}
