/* Acts on the network, in a network namespace of its own where only the loopback device is, and tells the truth about it:
 *
 *   network scene                     one of everything; a line for each event: NAME PROTOCOL PID SOURCE PORT DESTINATION PORT MORE…
 *   network past                      the same for ways past the usual system calls: io_uring, 32-bit calls, a thread, Fast Open
 *   network connects COUNT PER_SECOND connections to 127.0.0.0/8, each to an address of its own; PER_SECOND 0: as fast as it can
 *   network lookups COUNT PER_SECOND  lookups of nNNNNNN.PREFIX (argument 4), each answered with an address of its own
 *   network within FILE COMMAND…      runs a command where FILE is /etc/resolv.conf and a server on all addresses knows every name
 *   network questions SUFFIX          asks a server of its own for HOW.SUFFIX in every way of `ask`, over IPv4 and IPv6
 *   network ask HOW SERVER NAME TYPE  one question; HOW is udp (connected), sendto or tcp
 *
 * The server of names answers A with 198.51.100.7 behind an alias, AAAA with 2001:db8::7, TXT with the name itself, and
 * `none.` anything with NXDOMAIN; over UDP with TC set for names that begin with "long." */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHECK(call)                                              \
  ({                                                             \
    long _r = (long)(call);                                      \
    if (_r < 0) {                                                \
      fprintf(stderr, "line %d: %s\n", __LINE__, strerror(errno)); \
      exit(1);                                                   \
    }                                                            \
    _r;                                                          \
  })

union address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

static union address address(const char *text, int port) {
  union address a = {0};
  if (strchr(text, ':')) {
    a.v6.sin6_family = AF_INET6;
    a.v6.sin6_port = htons(port);
    inet_pton(AF_INET6, text, &a.v6.sin6_addr);
  } else {
    a.v4.sin_family = AF_INET;
    a.v4.sin_port = htons(port);
    inet_pton(AF_INET, text, &a.v4.sin_addr);
  }
  return a;
}

static socklen_t size_of(const union address *a) { return a->any.sa_family == AF_INET ? sizeof(a->v4) : sizeof(a->v6); }

static const char *text_of(const union address *a, char *to) {
  if (a->any.sa_family == AF_INET) inet_ntop(AF_INET, &a->v4.sin_addr, to, INET6_ADDRSTRLEN);
  else inet_ntop(AF_INET6, &a->v6.sin6_addr, to, INET6_ADDRSTRLEN);
  return strncmp(to, "::ffff:", 7) == 0 ? to + 7 : to;
}

static union address here(int fd) {
  union address a = {0};
  socklen_t size = sizeof(a);
  CHECK(getsockname(fd, &a.any, &size));
  return a;
}

static union address there(int fd) {
  union address a = {0};
  socklen_t size = sizeof(a);
  CHECK(getpeername(fd, &a.any, &size));
  return a;
}

static int port_of(const union address *a) { return ntohs(a->v4.sin_port); }

static void say(const char *name, const char *protocol, union address from, union address to, const char *more) {
  char one[64], two[64];
  printf("%s %s %d %s %d %s %d %s\n", name, protocol, getpid(), text_of(&from, one), port_of(&from), text_of(&to, two), port_of(&to), more);
  fflush(stdout);
}

static void own_network(void) {
  CHECK(unshare(CLONE_NEWNET));
  int fd = (int)CHECK(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  struct ifreq up = {.ifr_name = "lo", .ifr_flags = IFF_UP};
  CHECK(ioctl(fd, SIOCSIFFLAGS, &up));
  close(fd);
}

static int listener(const char *where, int backlog) {
  union address a = address(where, 0);
  int fd = (int)CHECK(socket(a.any.sa_family, SOCK_STREAM, 0));
  CHECK(bind(fd, &a.any, size_of(&a)));
  CHECK(listen(fd, backlog));
  a = here(fd);
  say("bind", "tcp", a, a, "");
  say("listen", "tcp", a, a, "");
  return fd;
}

static void wait_for(int fd, short what) {
  struct pollfd p = {fd, what, 0};
  CHECK(poll(&p, 1, 10000));
}

static void move(int from, int to, int bytes) {
  static char data[65536];
  for (int done = 0; done < bytes;) done += CHECK(send(from, data, bytes - done, 0));
  for (int done = 0; done < bytes;) done += CHECK(recv(to, data, sizeof(data), 0));
}

/* Connects, accepts, moves bytes both ways and closes; `to` is how the client names the server. */
static void stream(const char *where, const char *to, int nonblocking, int reset) {
  int server = listener(where, 8);
  union address bound = here(server), target = address(to, port_of(&bound));
  int client = (int)CHECK(socket(target.any.sa_family, SOCK_STREAM | (nonblocking ? SOCK_NONBLOCK : 0), 0));
  if (nonblocking) {
    if (connect(client, &target.any, size_of(&target)) == 0 || errno != EINPROGRESS) exit(2);
    wait_for(client, POLLOUT);
    CHECK(fcntl(client, F_SETFL, 0));
  } else {
    CHECK(connect(client, &target.any, size_of(&target)));
  }
  say("connect", "tcp", here(client), there(client), "0");
  int taken = (int)CHECK(accept4(server, NULL, NULL, SOCK_CLOEXEC));
  say("accept", "tcp", there(taken), here(taken), "");
  move(client, taken, 100000);
  move(taken, client, 500);
  if (reset) {
    struct linger now = {1, 0};
    CHECK(setsockopt(client, SOL_SOCKET, SO_LINGER, &now, sizeof(now)));
  }
  union address from = here(client), at = here(taken);
  close(client);
  say("close", "tcp", from, at, "100000 500 true");
  char end;
  wait_for(taken, POLLIN);
  if (recv(taken, &end, 1, 0) > 0) exit(3);
  close(taken);
  say("close", "tcp", from, at, "500 100000 false");
  close(server);
}

static void refused(const char *to, int nonblocking) {
  union address target = address(to, 1);
  int fd = (int)CHECK(socket(target.any.sa_family, SOCK_STREAM | (nonblocking ? SOCK_NONBLOCK : 0), 0));
  /* A port of its own, so that it can be told. */
  union address any = address(target.any.sa_family == AF_INET ? "127.0.0.1" : "::1", 0);
  CHECK(bind(fd, &any.any, size_of(&any)));
  any = here(fd);
  say("bind", "tcp", any, any, "");
  if (connect(fd, &target.any, size_of(&target)) == 0) exit(4);
  if (nonblocking) wait_for(fd, POLLOUT);
  say("connect", "tcp", any, target, "-111");
  close(fd);
}

/* Nobody accepts and nobody answers: the first packet is sent again after a second. */
static void unanswered(void) {
  int server = listener("127.0.0.1", 0);
  union address target = here(server);
  int first = (int)CHECK(socket(AF_INET, SOCK_STREAM, 0));
  CHECK(connect(first, &target.any, size_of(&target)));
  say("connect", "tcp", here(first), target, "0");
  int second = (int)CHECK(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
  if (connect(second, &target.any, size_of(&target)) == 0) exit(5);
  union address from = here(second);
  struct timespec pause = {2, 0};
  nanosleep(&pause, NULL);
  say("connect", "tcp", from, target, "none");
  close(second);
  union address one = here(first);
  close(first);
  say("close", "tcp", one, target, "0 0 true");
  close(server);
}

static void unreachable(void) {
  union address target = address("198.51.100.1", 80), none = address("0.0.0.0", 0);
  int fd = (int)CHECK(socket(AF_INET, SOCK_STREAM, 0));
  if (connect(fd, &target.any, size_of(&target)) == 0 || errno != ENETUNREACH) exit(6);
  say("connect", "tcp", none, target, "-101");
  close(fd);
}

/* The child takes what its parent listens for. */
static void taken_by_child(void) {
  int server = listener("127.0.0.1", 8);
  union address target = here(server);
  int client = (int)CHECK(socket(AF_INET, SOCK_STREAM, 0));
  CHECK(connect(client, &target.any, size_of(&target)));
  say("connect", "tcp", here(client), target, "0");
  union address from = here(client);
  int child = (int)CHECK(fork());
  if (child == 0) {
    close(client);
    int taken = (int)CHECK(accept(server, NULL, NULL));
    say("accept", "tcp", there(taken), here(taken), "");
    char byte;
    if (recv(taken, &byte, 1, 0) != 0) _exit(1);
    close(taken);
    say("close", "tcp", from, target, "0 0 false");
    _exit(0);
  }
  close(client);
  say("close", "tcp", from, target, "0 0 true");
  int status;
  CHECK(waitpid(child, &status, 0));
  if (status != 0) exit(7);
  close(server);
}

static int datagram(const char *where, union address *at) {
  *at = address(where, 0);
  int fd = (int)CHECK(socket(at->any.sa_family, SOCK_DGRAM, 0));
  CHECK(bind(fd, &at->any, size_of(at)));
  *at = here(fd);
  say("bind", "udp", *at, *at, "");
  return fd;
}

static void datagrams(const char *where) {
  union address a, b, c, d;
  int one = datagram(where, &a), two = datagram(where, &b), three = datagram(where, &c), four = datagram(where, &d);
  char byte = 1, got[16];
  struct iovec part = {&byte, 1};
  struct msghdr to_three = {.msg_name = &c, .msg_namelen = size_of(&c), .msg_iov = &part, .msg_iovlen = 1};
  struct mmsghdr both[2] = {{.msg_hdr = to_three}, {.msg_hdr = {.msg_name = &d, .msg_namelen = size_of(&d), .msg_iov = &part, .msg_iovlen = 1}}};
  /* To each place once, however often and by whatever call. */
  for (int i = 0; i < 3; i++) CHECK(sendto(one, &byte, 1, 0, &b.any, size_of(&b)));
  say("send", "udp", a, b, "true");
  CHECK(sendmsg(one, &to_three, 0));
  say("send", "udp", a, c, "true");
  CHECK(sendmmsg(one, both, 2, 0));
  say("send", "udp", a, d, "true");
  /* An answer: the other side began. */
  CHECK(recv(two, got, sizeof(got), 0));
  CHECK(sendto(two, &byte, 1, 0, &a.any, size_of(&a)));
  say("send", "udp", a, b, "false");
  /* Connected, then again to another place, then past the connection. */
  int connected = (int)CHECK(socket(a.any.sa_family, SOCK_DGRAM, 0));
  CHECK(connect(connected, &c.any, size_of(&c)));
  for (int i = 0; i < 3; i++) CHECK(write(connected, &byte, 1));
  say("send", "udp", here(connected), c, "true");
  CHECK(connect(connected, &d.any, size_of(&d)));
  CHECK(send(connected, &byte, 1, 0));
  say("send", "udp", here(connected), d, "true");
  CHECK(sendto(connected, &byte, 1, 0, &b.any, size_of(&b)));
  say("send", "udp", here(connected), b, "true");
  /* Connected and nothing sent: no event. */
  int silent = (int)CHECK(socket(a.any.sa_family, SOCK_DGRAM, 0));
  CHECK(connect(silent, &c.any, size_of(&c)));
  close(silent), close(connected), close(one), close(two), close(three), close(four);
}

static void ping(void) {
  union address to = address("127.0.0.1", 0);
  int fd = (int)CHECK(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
  struct icmphdr echo = {.type = ICMP_ECHO, .un.echo = {.id = 7, .sequence = 1}};
  u_int32_t sum = 0;
  for (size_t i = 0; i < sizeof(echo) / 2; i++) sum += ((u_int16_t *)&echo)[i];
  echo.checksum = (u_int16_t)~(sum + (sum >> 16));
  for (int i = 0; i < 2; i++) CHECK(sendto(fd, &echo, sizeof(echo), 0, &to.any, size_of(&to)));
  say("send", "icmp", to, to, "true");
  close(fd);
}

/* One request through a ring of its own, waited for; what it gave. */
static int through_uring(int opcode, int fd, const void *pointer, unsigned long size_or_offset) {
  struct io_uring_params p = {0};
  int ring = (int)CHECK(syscall(SYS_io_uring_setup, 1, &p));
  char *sq = mmap(NULL, p.sq_off.array + 4, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
  char *cq = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_CQ_RING);
  struct io_uring_sqe *entry = mmap(NULL, sizeof(*entry), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES);
  if (sq == MAP_FAILED || cq == MAP_FAILED || entry == MAP_FAILED) exit(10);
  memset(entry, 0, sizeof(*entry));
  entry->opcode = (unsigned char)opcode;
  entry->fd = fd;
  entry->addr = (unsigned long)pointer;
  if (opcode == IORING_OP_CONNECT) entry->off = size_or_offset;
  else entry->len = (unsigned)size_or_offset;
  *(unsigned *)(sq + p.sq_off.array) = 0;
  __atomic_store_n((unsigned *)(sq + p.sq_off.tail), 1, __ATOMIC_RELEASE);
  CHECK(syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0));
  int result = ((struct io_uring_cqe *)(cq + p.cq_off.cqes))->res;
  close(ring);
  return result;
}

static void *connect_in_thread(void *unused) {
  union address target = *(union address *)unused;
  int fd = (int)CHECK(socket(AF_INET, SOCK_STREAM, 0));
  CHECK(connect(fd, &target.any, size_of(&target)));
  say("connect", "tcp", here(fd), target, "0");
  return NULL;
}

static void past(void) {
  int server = listener("127.0.0.1", 8), fd;
  union address target = here(server);
  fd = (int)CHECK(socket(AF_INET, SOCK_STREAM, 0));
  if (through_uring(IORING_OP_CONNECT, fd, &target, size_of(&target)) != 0) exit(11);
  say("connect", "tcp", here(fd), target, "0");
  union address place;
  int other = datagram("127.0.0.1", &place), from = (int)CHECK(socket(AF_INET, SOCK_DGRAM, 0));
  CHECK(connect(from, &place.any, size_of(&place)));
  if (through_uring(IORING_OP_SEND, from, "x", 1) != 1) exit(12);
  say("send", "udp", here(from), place, "true");
  close(other), close(from);
  pthread_t thread;
  pthread_create(&thread, NULL, connect_in_thread, &target);
  pthread_join(thread, NULL);
#ifdef __x86_64__
  /* connect, number 362 of the 32-bit calls: its address must lie low. */
  union address *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  *low = target;
  fd = (int)CHECK(socket(AF_INET, SOCK_STREAM, 0));
  int result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(362), "b"(fd), "c"(low), "d"(size_of(low)) : "memory", "r8", "r9", "r10", "r11");
  if (result != 0) exit(13);
  say("connect", "tcp", here(fd), target, "0");
#endif
  /* Data with the first packet: no connect() at all. */
  fd = (int)CHECK(socket(AF_INET, SOCK_STREAM, 0));
  CHECK(sendto(fd, "x", 1, MSG_FASTOPEN, &target.any, size_of(&target)));
  say("connect", "tcp", here(fd), target, "0");
}

static void pace(struct timespec *next, int per_second) {
  if (per_second == 0) return;
  next->tv_nsec += 1000000000 / per_second;
  if (next->tv_nsec >= 1000000000) next->tv_sec++, next->tv_nsec -= 1000000000;
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, next, NULL);
}

static int to_take;

static void *take_all(void *fd) {
  char end;
  for (int i = 0; i < to_take; i++) {
    int taken = (int)CHECK(accept(*(int *)fd, NULL, NULL));
    /* Ended here only when the other side has: both ends are then in the open. */
    if (recv(taken, &end, 1, 0) != 0) exit(9);
    close(taken);
  }
  return NULL;
}

static void connects(int count, int per_second) {
  union address any = address("0.0.0.0", 4000);
  int server = (int)CHECK(socket(AF_INET, SOCK_STREAM, 0));
  CHECK(bind(server, &any.any, size_of(&any)));
  CHECK(listen(server, 4096));
  pthread_t thread;
  to_take = count;
  pthread_create(&thread, NULL, take_all, &server);
  struct timespec next;
  clock_gettime(CLOCK_MONOTONIC, &next);
  for (int i = 0; i < count; i++) {
    union address to = any;
    to.v4.sin_addr.s_addr = htonl(0x7f010000u + (unsigned)i);
    int fd = (int)CHECK(socket(AF_INET, SOCK_STREAM, 0));
    CHECK(connect(fd, &to.any, size_of(&to)));
    close(fd);
    pace(&next, per_second);
  }
  pthread_join(thread, NULL);
  printf("%d\n", count);
}

/* The name in a query, without its first octet and with dots; returns where the question ends. */
static int question(const unsigned char *query, int size, char *name) {
  int at = 12, used = 0;
  while (at < size && query[at]) {
    for (int i = 0, n = query[at++]; i < n && at < size && used < 250; i++) name[used++] = (char)query[at++];
    name[used++] = '.';
  }
  name[used ? used - 1 : 0] = 0;
  return at + 5;
}

static int answer(unsigned char *message, int size, int over_tcp) {
  char name[256];
  int end = question(message, size, name), type = message[end - 3];
  message[2] |= 0x80;
  message[3] = 0x80;
  message[6] = message[7] = message[8] = message[9] = message[10] = message[11] = 0;
  if (strncmp(name, "none.", 5) == 0) {
    message[3] |= 3;
    return end;
  }
  if (!over_tcp && strncmp(name, "long.", 5) == 0) {
    message[2] |= 2;
    return end;
  }
  unsigned char *to = message + end;
  int n = 0;
  unsigned number;
#define PUT(...)                                                   \
  do {                                                             \
    const unsigned char _b[] = {__VA_ARGS__};                      \
    memcpy(to + n, _b, sizeof(_b));                                \
    n += sizeof(_b);                                               \
  } while (0)
  if (type == 1 && sscanf(name, "n%6u.", &number) == 1) {
    PUT(0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, number >> 16, number >> 8, number);
    message[7] = 1;
  } else if (type == 1) {
    PUT(0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 11, 4, 'e', 'd', 'g', 'e', 4, 't', 'e', 's', 't', 0);
    PUT(4, 'e', 'd', 'g', 'e', 4, 't', 'e', 's', 't', 0, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 198, 51, 100, 7);
    message[7] = 2;
  } else if (type == 28) {
    PUT(0xc0, 12, 0, 28, 0, 1, 0, 0, 0, 60, 0, 16, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7);
    message[7] = 1;
  } else if (type == 16) {
    unsigned char length = (unsigned char)strlen(name);
    PUT(0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0, length + 1, length);
    memcpy(to + n, name, length);
    n += length;
    message[7] = 1;
  }
  return end + n;
}

static int sockets[2];

static void *serve_datagrams(void *unused) {
  (void)unused;
  for (;;) {
    unsigned char message[2048];
    union address from;
    socklen_t size = sizeof(from);
    int n = (int)recvfrom(sockets[0], message, 1024, 0, &from.any, &size);
    if (n < 17) continue;
    sendto(sockets[0], message, (size_t)answer(message, n, 0), 0, &from.any, size);
  }
  return NULL;
}

static int whole(int fd, unsigned char *to, int bytes) {
  for (int done = 0, n; done < bytes; done += n)
    if ((n = (int)recv(fd, to + done, (size_t)(bytes - done), 0)) <= 0) return 0;
  return 1;
}

static void *serve_streams(void *unused) {
  (void)unused;
  for (;;) {
    int fd = accept(sockets[1], NULL, NULL);
    if (fd < 0) continue;
    unsigned char message[4096];
    while (whole(fd, message, 2)) {
      int size = message[0] << 8 | message[1];
      if (size < 17 || size > 1024 || !whole(fd, message + 2, size)) break;
      int n = answer(message + 2, size, 1);
      message[0] = (unsigned char)(n >> 8), message[1] = (unsigned char)n;
      /* In two pieces. */
      if (send(fd, message, 7, MSG_NOSIGNAL) < 0) break;
      usleep(2000);
      if (send(fd, message + 7, (size_t)n - 5, MSG_NOSIGNAL) < 0) break;
    }
    close(fd);
  }
  return NULL;
}

/* On every address of both families. */
static void serve_names(void) {
  union address any = address("::", 53);
  sockets[0] = (int)CHECK(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockets[1] = (int)CHECK(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  for (int i = 0; i < 2; i++) CHECK(bind(sockets[i], &any.any, size_of(&any)));
  CHECK(listen(sockets[1], 64));
  pthread_t one, two;
  pthread_create(&one, NULL, serve_datagrams, NULL);
  pthread_create(&two, NULL, serve_streams, NULL);
}

static int query(unsigned char *to, const char *name, int type) {
  const unsigned char head[12] = {0x12, 0x34, 1, 0, 0, 1};
  memcpy(to, head, sizeof(head));
  int n = 12;
  for (const char *label = name; *label;) {
    int length = (int)strcspn(label, ".");
    to[n++] = (unsigned char)length;
    memcpy(to + n, label, (size_t)length);
    n += length;
    label += length + (label[length] == '.');
  }
  const unsigned char tail[5] = {0, 0, (unsigned char)type, 0, 1};
  memcpy(to + n, tail, sizeof(tail));
  return n + 5;
}

static void lookups(int count, int per_second, const char *suffix) {
  serve_names();
  union address server = address("127.0.0.1", 53);
  int fd = (int)CHECK(socket(AF_INET, SOCK_DGRAM, 0));
  CHECK(connect(fd, &server.any, size_of(&server)));
  struct timespec next;
  clock_gettime(CLOCK_MONOTONIC, &next);
  for (int i = 0; i < count; i++) {
    char name[256];
    unsigned char message[512];
    snprintf(name, sizeof(name), "n%06d.%s", i, suffix);
    CHECK(send(fd, message, (size_t)query(message, name, 1), 0));
    wait_for(fd, POLLIN);
    CHECK(recv(fd, message, sizeof(message), 0));
    pace(&next, per_second);
  }
  printf("%d\n", count);
}

/* One question, sent as its arguments say: `ask udp|sendto|tcp SERVER NAME TYPE`. Over TCP byte by byte, and twice. */
static void ask(const char *how, const char *where, const char *name, int type) {
  union address server = address(where, 53);
  unsigned char message[2048];
  int n = query(message + 2, name, type), tcp = strcmp(how, "tcp") == 0;
  int fd = (int)CHECK(socket(server.any.sa_family, tcp ? SOCK_STREAM : SOCK_DGRAM, 0));
  if (strcmp(how, "sendto") == 0) {
    CHECK(sendto(fd, message + 2, (size_t)n, 0, &server.any, size_of(&server)));
    CHECK(recv(fd, message, sizeof(message), 0));
    return;
  }
  CHECK(connect(fd, &server.any, size_of(&server)));
  if (!tcp) {
    CHECK(send(fd, message + 2, (size_t)n, 0));
    CHECK(recv(fd, message, sizeof(message), 0));
    return;
  }
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, sizeof(on));
  message[0] = (unsigned char)(n >> 8), message[1] = (unsigned char)n;
  for (int i = 0; i < n + 2; i++) CHECK(send(fd, message + i, 1, 0));
  unsigned char got[2048];
  if (!whole(fd, got, 2) || !whole(fd, got + 2, got[0] << 8 | got[1])) exit(8);
  close(fd);
}

int main(int argc, char **argv) {
  if (argc < 2) return 64;
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (strcmp(argv[1], "ask") == 0 && argc == 6) {
    ask(argv[2], argv[3], argv[4], atoi(argv[5]));
    return 0;
  }
  own_network();
  if (strcmp(argv[1], "scene") == 0) {
    stream("127.0.0.1", "127.0.0.1", 0, 0);
    stream("127.0.0.1", "127.0.0.1", 0, 1);
    stream("::1", "::1", 1, 0);
    stream("0.0.0.0", "::ffff:127.0.0.1", 0, 0);
    refused("127.0.0.1", 0);
    refused("::1", 1);
    unreachable();
    taken_by_child();
    unanswered();
    datagrams("127.0.0.1");
    datagrams("::1");
    ping();
  } else if (strcmp(argv[1], "past") == 0) {
    past();
  } else if (strcmp(argv[1], "connects") == 0 && argc == 4) {
    connects(atoi(argv[2]), atoi(argv[3]));
  } else if (strcmp(argv[1], "lookups") == 0 && argc == 5) {
    lookups(atoi(argv[2]), atoi(argv[3]), argv[4]);
  } else if (strcmp(argv[1], "questions") == 0 && argc == 3) {
    static const char *const ways[] = {"udp", "sendto", "tcp"};
    serve_names();
    for (int i = 0; i < 3; i++) {
      char name[256];
      snprintf(name, sizeof(name), "%s.%s", ways[i], argv[2]);
      ask(ways[i], "127.0.0.1", name, 1);
      ask(ways[i], "::1", name, 1);
    }
  } else if (strcmp(argv[1], "within") == 0 && argc > 3) {
    CHECK(unshare(CLONE_NEWNS));
    CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    CHECK(mount(argv[2], "/etc/resolv.conf", NULL, MS_BIND, NULL));
    serve_names();
    int child = (int)CHECK(fork()), status;
    if (child == 0) {
      execvp(argv[3], argv + 3);
      _exit(127);
    }
    CHECK(waitpid(child, &status, 0));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  } else return 64;
  return 0;
}
