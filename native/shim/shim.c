/* What TypeScript calls (bun:ffi): open, start, wait, wake, counters, detach, close. A thread of its own moves records from
 * the kernel's ring to the shared ring and never calls into JavaScript. One instance a process would do; nothing here is
 * global, so tests may open several. */
#include "shim.h"
#include "abi.gen.h"
#include <errno.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>


EXPORT u64 sigil_abi_digest(void) { return SIGIL_ABI_DIGEST; }

static long futex(_Atomic u32 *word, int op, u32 value, const struct timespec *timeout) {
  return syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, value, timeout, NULL, 0);
}

static void rouse(struct shim *s) {
  atomic_fetch_add(&s->wake_word, 1);
  futex(&s->wake_word, FUTEX_WAKE, 1, NULL);
}

/* Wakes the reader if it sleeps. The exchange pairs with the reader's store of `waiting` before its last look at the ring. */
static void notify(struct shim *s) {
  atomic_thread_fence(memory_order_seq_cst);
  if (atomic_exchange(&s->waiting, 0)) rouse(s);
}

static void pause_us(long us) {
  struct timespec t = {us / 1000000, (us % 1000000) * 1000};
  nanosleep(&t, NULL);
}

static int has_data(const struct shared_ring *r) {
  return r->ring && __atomic_load_n(&r->ring->head, __ATOMIC_ACQUIRE) != __atomic_load_n(&r->ring->tail, __ATOMIC_RELAXED);
}

/* Copies a finished record into a shared ring, waiting for the reader while there is no room: what cannot be taken now stays
 * in the kernel's ring, whose losses the programs count. Gives up only when the agent closes. */
static int put(struct shim *s, struct shared_ring *r, const u8 *record, u32 size) {
  u32 head;
  u8 *to;
  while (!(to = shared_ring_reserve(r, size, &head))) {
    if (atomic_load(&s->closing)) return 0;
    notify(s);
    pause_us(200);
  }
  memcpy(to, record, size);
  shared_ring_publish(r, head);
  return 1;
}

#define NOTIFY_EVERY 64 /* records: a reader on another core starts while a long batch is still being moved */
#define BULK_EVERY 256  /* records of the bulk ring between two looks at the critical one */

/* Moves one record. 0 when there is no room for it and `wait` does not say to wait for some: then it stays where it is. */
static int move(struct shim *s, struct kernel_ring *from, struct shared_ring *to, const u8 *in, u32 length, int wait) {
  const struct sigil_header *h = (const void *)in;
  u32 kind = length >= sizeof(*h) && h->kind < SIGIL_KIND_MAX ? h->kind : SIGIL_KIND_PAD;
  u32 size = length <= SIGIL_RECORD_MAX ? record_finish(s, in, length, s->work) : 0;
  u32 head;
  if (size && !wait) {
    u8 *room = shared_ring_reserve(to, size, &head);
    if (!room) return 0;
    memcpy(room, s->work, size);
    shared_ring_publish(to, head);
    atomic_fetch_add(&s->delivered[kind], 1);
  } else if (!size) atomic_fetch_add(&s->malformed[kind], 1);
  else if (put(s, to, s->work, size)) atomic_fetch_add(&s->delivered[kind], 1);
  else atomic_fetch_add(&s->no_room[kind], 1);
  kernel_ring_next(from, length);
  return 1;
}

static void drain_critical(struct shim *s) {
  const u8 *in;
  u32 length, moved = 0;
  while ((in = kernel_ring_peek(&s->kernel, &length))) {
    move(s, &s->kernel, &s->critical, in, length, 1);
    if (++moved % NOTIFY_EVERY == 0) notify(s);
  }
  if (moved) notify(s);
}

/* Empties both rings of the kernel, the critical one first. A record of the bulk ring is passed on only when all of the critical
 * ring that was written before it has been: who acts is then known to the reader. So the end of the bulk ring is noted first,
 * and then the critical ring emptied. The critical ring waits for its reader, the bulk ring does not wait for its own unless
 * the agent stops: its records stay in the kernel, where the programs count what does not fit any more. 0 when they had to. */
static int drain(struct shim *s, int last) {
  for (;;) {
    int has_bulk = atomic_load(&s->has_bulk);
    unsigned long end = has_bulk ? kernel_ring_end(&s->kernel_bulk) : 0;
    unsigned long critical_end = has_bulk ? kernel_ring_end(&s->kernel) : 0;
    drain_critical(s);
    /* One that is still being written hides those behind it. */
    if (!has_bulk || (kernel_ring_before(&s->kernel, critical_end) && !last)) return 1;
    const u8 *in;
    u32 length, moved = 0;
    while (moved < BULK_EVERY && kernel_ring_before(&s->kernel_bulk, end) && (in = kernel_ring_peek(&s->kernel_bulk, &length))) {
      if (!move(s, &s->kernel_bulk, &s->bulk, in, length, last)) {
        notify(s);
        return 0;
      }
      if (++moved % NOTIFY_EVERY == 0) notify(s);
    }
    if (moved) notify(s);
    if (moved < BULK_EVERY) return 1;
  }
}

int shim_watch(struct shim *s, int ring_fd) {
  struct epoll_event on = {.events = EPOLLIN};
  return s->epoll_fd >= 0 && epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, ring_fd, &on) ? -errno : 0;
}

static void inventory(struct shim *s) {
  int fd = s->inventory_fd;
  if (fd >= 0) {
    char text[128]; /* the program writes one byte a process: 128 processes, then the ring is emptied */
    ssize_t n;
    while ((n = read(fd, text, sizeof(text))) > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR))) drain_critical(s);
    close(fd);
    s->inventory_fd = -1;
  }
  drain_critical(s);
  struct sigil_header end = {.size = sizeof(end), .kind = SIGIL_KIND_INVENTORY_END};
  put(s, &s->critical, (const u8 *)&end, sizeof(end));
  notify(s);
}

static void *run(void *argument) {
  struct shim *s = argument;
  struct epoll_event event;
  /* Ahead of the work that it watches: under load the kernel's ring must be emptied before it is full. May be refused. */
  setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), -10);
  if (!(s->options.flags & SIGIL_OPEN_INJECT_ONLY)) {
    inventory(s);
    while (!atomic_load(&s->detached)) {
      /* The kernel wakes us only for the first record after we had caught up; while we pause, records gather. */
      int n = epoll_wait(s->epoll_fd, &event, 1, 1000);
      if (n < 0 && errno != EINTR) break;
      /* The bulk ring waits for its reader: nobody will ring when there is room. */
      while (!drain(s, 0) && !atomic_load(&s->detached)) pause_us(1000);
      if (n > 0 && !atomic_load(&s->detached)) pause_us(s->options.batch_us);
    }
    /* A program that was running when its tracepoint went away may still be writing: this waits for it (an RCU grace
     * period), so that the last drain takes all. */
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0)) pause_us(20000); /* nohz_full kernels refuse it */
    drain(s, 1);
    /* A writer that was preempted between reserving and committing. */
    for (int i = 0; i < 100 && (kernel_ring_pending(&s->kernel) || (atomic_load(&s->has_bulk) && kernel_ring_pending(&s->kernel_bulk))); i++) {
      pause_us(1000);
      drain(s, 1);
    }
  } else {
    while (!atomic_load(&s->detached)) epoll_wait(s->epoll_fd, &event, 1, 1000);
  }
  atomic_store(&s->drained, 1);
  rouse(s);
  return NULL;
}

/* Opens the sensor: loads and attaches what this kernel takes. Returns NULL with a sentence in `error` and the errno in the
 * first four bytes of `failure`. */
EXPORT void *sigil_open(const struct sigil_options *options, char *error, u32 error_bytes, s32 *failure) {
  struct shim *s = calloc(1, sizeof(*s));
  *failure = ENOMEM;
  if (!s) return NULL;
  s->options = *options;
  s->epoll_fd = s->stop_fd = s->inventory_fd = -1;
  const char *names = (const char *)(uintptr_t)options->env_names;
  for (size_t used = 0; names && *names;) {
    size_t n = strlen(names) + 1;
    if (used + n + 1 > sizeof(s->env_names)) break;
    memcpy(s->env_names + used, names, n);
    used += n;
    names += n;
  }
  struct stat st;
  if (stat("/proc/self/ns/mnt", &st) == 0) s->mnt_ns = (u32)st.st_ino;
  int e = 0;
  if (!(options->flags & SIGIL_OPEN_INJECT_ONLY)) e = kernel_open(s, error, error_bytes);
  if (e) {
    *failure = -e;
    kernel_close(s);
    free(s);
    return NULL;
  }
  *failure = 0;
  return s;
}

static int adopt(struct shared_ring *r, u8 *memory, u32 bytes) {
  if (!memory) return 0;
  if (bytes < SIGIL_RECORD_MAX * 2 || (bytes & (bytes - 1)) || ((uintptr_t)memory & 7)) return -EINVAL;
  r->ring = (struct sigil_ring *)memory;
  r->data = memory + sizeof(struct sigil_ring);
  r->size = bytes;
  r->ring->size = bytes;
  return 0;
}

/* Starts the thread. Each ring is the address of a sigil_ring head with `bytes` of data behind it; the memory belongs to the
 * caller and must stay until sigil_close returned. 0, or a negative errno. */
EXPORT s32 sigil_start(struct shim *s, u8 *critical, u32 critical_bytes, u8 *bulk, u32 bulk_bytes) {
  int e = adopt(&s->critical, critical, critical_bytes);
  if (!e) e = adopt(&s->bulk, bulk, bulk_bytes);
  if (e) return e;
  s->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (s->stop_fd < 0 || s->epoll_fd < 0) return -errno;
  struct epoll_event on = {.events = EPOLLIN};
  epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, s->stop_fd, &on);
  if (!(s->options.flags & SIGIL_OPEN_INJECT_ONLY) && epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, s->kernel.fd, &on)) return -errno;
  if (atomic_load(&s->has_bulk) && epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, s->kernel_bulk.fd, &on)) return -errno;
  /* Here and not on the thread: sigil_detach, called meanwhile, frees what this reads. */
  s->inventory_fd = kernel_inventory_fd(s);
  /* Signals are for JavaScript's threads. */
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  e = pthread_create(&s->thread, NULL, run, s);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (e) return -e;
  s->started = 1;
  return 0;
}

/* Blocks until a ring holds records, sigil_wake was called, everything is drained, or the time is up (answer 0). */
EXPORT u32 sigil_wait(struct shim *s, u32 timeout_ms) {
  struct timespec t = {timeout_ms / 1000, (long)(timeout_ms % 1000) * 1000000};
  for (int turn = 0;; turn++) {
    u32 word = atomic_load(&s->wake_word);
    atomic_store(&s->waiting, 1);
    atomic_thread_fence(memory_order_seq_cst);
    u32 answer = 0;
    if (has_data(&s->critical)) answer |= SIGIL_WAIT_CRITICAL;
    if (has_data(&s->bulk)) answer |= SIGIL_WAIT_BULK;
    if (atomic_exchange(&s->woken, 0)) answer |= SIGIL_WAIT_WOKEN;
    if (!(answer & (SIGIL_WAIT_CRITICAL | SIGIL_WAIT_BULK)) && atomic_load(&s->drained)) answer |= SIGIL_WAIT_DRAINED;
    if (answer || turn == 1 || timeout_ms == 0) {
      atomic_store(&s->waiting, 0);
      return answer;
    }
    futex(&s->wake_word, FUTEX_WAIT, word, &t);
  }
}

/* Ends a sigil_wait of the reader, now or the next one. From any thread. */
EXPORT void sigil_wake(struct shim *s) {
  atomic_store(&s->woken, 1);
  rouse(s);
}

/* Nanoseconds since the Unix epoch at CLOCK_BOOTTIME 0: what turns an event's time into wall-clock time. */
EXPORT s64 sigil_boot_offset_ns(void) {
  struct timespec real, boot;
  clock_gettime(CLOCK_BOOTTIME, &boot);
  clock_gettime(CLOCK_REALTIME, &real);
  return (real.tv_sec - boot.tv_sec) * 1000000000ll + (real.tv_nsec - boot.tv_nsec);
}

/* Unmaps the pages of this program's code. Starting up runs through some twenty megabytes of it that a running agent never
 * comes back to; what is needed again is mapped again from the page cache. Only executable mappings that cannot be written:
 * dropping a page of any other could lose what was written to it. Returns the bytes covered. */
EXPORT u64 sigil_trim_code(void) {
  char exe[4096], line[4608], path[4096];
  ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
  FILE *maps = fopen("/proc/self/maps", "re");
  u64 covered = 0;
  if (n <= 0 || !maps) goto end;
  exe[n] = 0;
  while (fgets(line, sizeof(line), maps)) {
    unsigned long from, to;
    char permissions[8];
    if (sscanf(line, "%lx-%lx %7s %*s %*s %*s %4095[^\n]", &from, &to, permissions, path) != 4) continue;
    if (strcmp(permissions, "r-xp") || strcmp(path, exe)) continue;
    if (madvise((void *)from, to - from, MADV_DONTNEED) == 0) covered += to - from;
  }
end:
  if (maps) fclose(maps);
  return covered;
}

/* Counters of all kinds, SIGIL_KIND_MAX in a row. */
EXPORT void sigil_counters(struct shim *s, struct sigil_counters *out) {
  memset(out, 0, sizeof(*out) * SIGIL_KIND_MAX);
  kernel_counters(s, out);
  for (u32 kind = 0; kind < SIGIL_KIND_MAX; kind++) {
    out[kind].delivered += atomic_load(&s->delivered[kind]);
    out[kind].ring2_full += atomic_load(&s->no_room[kind]);
    out[kind].malformed += atomic_load(&s->malformed[kind]);
  }
}

/* State of each eBPF program as text, one a line (kernel_report); returns its length. */
EXPORT u32 sigil_report(struct shim *s, char *out, u32 bytes) { return kernel_report(s, out, bytes); }

/* Makes attachments again that somebody has taken away; their names, one a line (kernel_check); returns the length. Owner only. */
EXPORT u32 sigil_check(struct shim *s, char *out, u32 bytes) {
  return s->options.flags & SIGIL_OPEN_INJECT_ONLY ? 0 : kernel_check(s, out, bytes);
}

/* Ids of our programs, maps and links (kernel_objects); returns how many. Owner only. */
EXPORT u32 sigil_objects(struct shim *s, u64 *out, u32 room) {
  return s->options.flags & SIGIL_OPEN_INJECT_ONLY ? 0 : kernel_objects(s, out, room);
}

/* Loads the programs of these kinds of activities (SIGIL_KIND_MAX bytes, not 0: needed; the value is what programs find in `enabled`), so that their maps can be set before
 * sigil_enable attaches them. 0, or a negative errno; a program that does not load is in the report and no error. Owner only. */
EXPORT s32 sigil_prepare(struct shim *s, const u8 *kinds) {
  return s->options.flags & SIGIL_OPEN_INJECT_ONLY ? 0 : kernel_prepare(s, kinds);
}

/* The same on a thread of its own; everything else that is asked about programs waits for it. */
EXPORT s32 sigil_load_ahead(struct shim *s, const u8 *kinds) {
  return s->options.flags & SIGIL_OPEN_INJECT_ONLY ? 0 : kernel_load_ahead(s, kinds);
}

/* From now on these kinds of activities are recorded and no others. */
EXPORT s32 sigil_enable(struct shim *s, const u8 *kinds) {
  return s->options.flags & SIGIL_OPEN_INJECT_ONLY ? 0 : kernel_enable(s, kinds);
}

/* Sets an entry of a map of a loaded object; key and value are as wide as the map says. NULL as value deletes the entry. */
EXPORT s32 sigil_map_set(struct shim *s, const char *name, const u8 *key, const u8 *value) {
  return s->options.flags & SIGIL_OPEN_INJECT_ONLY ? 0 : kernel_map_set(s, name, key, value);
}

/* Puts a record into a ring (0 critical, 1 bulk) as if the thread had: for tests and benchmarks, in an instance opened with
 * INJECT_ONLY. Returns 1, or 0 when there is no room, or a negative errno. */
EXPORT s32 sigil_inject(struct shim *s, u32 ring, const u8 *record, u32 size) {
  if (!(s->options.flags & SIGIL_OPEN_INJECT_ONLY)) return -EPERM;
  struct shared_ring *r = ring ? &s->bulk : &s->critical;
  u32 head;
  if ((size & 7) || size < sizeof(struct sigil_header) || size > SIGIL_RECORD_MAX || !r->ring) return -EINVAL;
  u8 *to = shared_ring_reserve(r, size, &head);
  if (!to) return 0;
  memcpy(to, record, size);
  shared_ring_publish(r, head);
  notify(s);
  return 1;
}

/* No more events: detaches the programs. What lies in the rings is still delivered; sigil_wait then answers DRAINED. */
EXPORT void sigil_detach(struct shim *s) {
  kernel_detach(s);
  atomic_store(&s->detached, 1);
  u64 one = 1;
  if (s->stop_fd >= 0 && write(s->stop_fd, &one, sizeof(one)) < 0) return; /* the thread looks every second anyway */
}

/* Ends the thread and frees everything. After it returned nothing writes to the shared rings any more. */
EXPORT void sigil_close(struct shim *s) {
  atomic_store(&s->closing, 1);
  sigil_detach(s);
  if (s->started) pthread_join(s->thread, NULL);
  if (s->epoll_fd >= 0) close(s->epoll_fd);
  if (s->stop_fd >= 0) close(s->stop_fd);
  if (s->inventory_fd >= 0) close(s->inventory_fd);
  kernel_close(s);
  free(s);
}
