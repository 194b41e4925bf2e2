/* The two rings that the shim stands between: the kernel's BPF ring buffer (kernel/bpf/ringbuf.c) and the one in a
 * SharedArrayBuffer that TypeScript reads (drawn in src/ring/ring.ts). */
#include "shim.h"
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int kernel_ring_map(struct kernel_ring *r, int fd, u32 bytes) {
  r->fd = fd;
  r->page = (size_t)sysconf(_SC_PAGESIZE);
  r->mask = bytes - 1;
  void *consumer = mmap(NULL, r->page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (consumer == MAP_FAILED) return -errno;
  /* The data are mapped twice in a row, so that a record never wraps. */
  void *producer = mmap(NULL, r->page + 2 * (size_t)bytes, PROT_READ, MAP_SHARED, fd, (off_t)r->page);
  if (producer == MAP_FAILED) {
    int e = -errno;
    munmap(consumer, r->page);
    return e;
  }
  r->consumer = consumer;
  r->producer = producer;
  r->data = (u8 *)producer + r->page;
  return 0;
}

void kernel_ring_unmap(struct kernel_ring *r) {
  if (r->consumer) munmap(r->consumer, r->page);
  if (r->producer) munmap(r->producer, r->page + 2 * (r->mask + 1));
  r->consumer = r->producer = NULL;
}

static u32 padded(u32 length) { return (length + BPF_RINGBUF_HDR_SZ + 7) & ~7u; }

const u8 *kernel_ring_peek(struct kernel_ring *r, u32 *length) {
  unsigned long consumer = *r->consumer; /* only we write it */
  for (;;) {
    if (consumer >= __atomic_load_n(r->producer, __ATOMIC_ACQUIRE)) return NULL;
    const u32 *header = (const u32 *)(r->data + (consumer & r->mask));
    /* Acquire: a record seen without the busy bit is seen whole. */
    u32 len = __atomic_load_n(header, __ATOMIC_ACQUIRE);
    if (len & BPF_RINGBUF_BUSY_BIT) return NULL;
    *length = len & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
    if (!(len & BPF_RINGBUF_DISCARD_BIT)) return (const u8 *)header + BPF_RINGBUF_HDR_SZ;
    consumer += padded(*length);
    __atomic_store_n(r->consumer, consumer, __ATOMIC_RELEASE);
  }
}

int kernel_ring_pending(const struct kernel_ring *r) {
  return *r->consumer < __atomic_load_n(r->producer, __ATOMIC_ACQUIRE);
}

unsigned long kernel_ring_end(const struct kernel_ring *r) { return __atomic_load_n(r->producer, __ATOMIC_ACQUIRE); }

int kernel_ring_before(const struct kernel_ring *r, unsigned long end) { return *r->consumer < end; }

void kernel_ring_next(struct kernel_ring *r, u32 length) {
  /* Sequentially consistent: the program that submits next reads it to decide whether to wake us. */
  __atomic_store_n(r->consumer, *r->consumer + padded(length), __ATOMIC_SEQ_CST);
}

u8 *shared_ring_reserve(struct shared_ring *r, u32 size, u32 *head) {
  u32 at = r->ring->head; /* only we write it */
  u32 tail = __atomic_load_n(&r->ring->tail, __ATOMIC_ACQUIRE);
  u32 free_bytes = r->size - (at - tail);
  u32 offset = at & (r->size - 1);
  u32 to_end = r->size - offset;
  if (size <= to_end) {
    if (size > free_bytes) return NULL;
    *head = at + size;
    return r->data + offset;
  }
  /* Too long for what is left before the end: fill that up and start over at 0. */
  if (to_end + size > free_bytes) return NULL;
  struct sigil_header pad = {.size = to_end, .kind = SIGIL_KIND_PAD};
  memcpy(r->data + offset, &pad, to_end < sizeof(pad) ? 8 : sizeof(pad));
  *head = at + to_end + size;
  return r->data;
}

void shared_ring_publish(struct shared_ring *r, u32 head) { __atomic_store_n(&r->ring->head, head, __ATOMIC_RELEASE); }
