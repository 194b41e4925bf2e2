/* Between libbpf and what it calls (the linker's --wrap): the kernel's types are read once for all objects and not once for each,
 * and a call of a kernel function that this kernel does not have is taken out of the code. And in its place (weak there,
 * libbpf-weak.h): types are found by their names and not by looking at all of them for each. */
#include "shim.h"
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <relo_core.h>
#include <stdlib.h>
#include <string.h>

struct btf *__real_btf__load_vmlinux_btf(void);
struct btf *__wrap_btf__load_vmlinux_btf(void);
void __real_btf__free(struct btf *btf);
void __wrap_btf__free(struct btf *btf);
int __real_bpf_prog_load(enum bpf_prog_type type, const char *name, const char *license, const struct bpf_insn *code, size_t count, const struct bpf_prog_load_opts *options);
int __wrap_bpf_prog_load(enum bpf_prog_type type, const char *name, const char *license, const struct bpf_insn *code, size_t count, const struct bpf_prog_load_opts *options);

/* Some six megabytes, kept only while somebody loads: kernel_types_hold, kernel_types_release. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct btf *types;
static u32 holders;

/* The types by the part of their names that counts (without a flavour, `___suffix`): the first of each bucket, the next of each
 * type, in the order of their numbers; 0 ends. Made for `types`, and goes with it. */
#define BUCKETS (1u << 14)
static struct index {
  u32 first[BUCKETS];
  u32 next[];
} *by_name;

static u32 bucket_of(const char *name, size_t length) {
  u32 hash = 2166136261u; /* FNV-1a */
  for (size_t i = 0; i < length; i++) hash = (hash ^ (u8)name[i]) * 16777619u;
  return (hash ^ hash >> 16) & (BUCKETS - 1);
}

static struct index *index_types(const struct btf *btf) {
  u32 count = btf__type_cnt(btf);
  struct index *index = calloc(1, sizeof(*index) + count * sizeof(u32));
  for (u32 id = count; index && id-- > 1;) {
    const struct btf_type *t = btf__type_by_id(btf, id);
    /* Half of all types are functions, to whom nothing is relocated. */
    const char *name = btf_is_func(t) ? "" : btf__name_by_offset(btf, t->name_off);
    if (!name || !*name) continue;
    u32 bucket = bucket_of(name, bpf_core_essential_name_len(name));
    index->next[id] = index->first[bucket];
    index->first[bucket] = id;
  }
  return index;
}

static int is_compatible(const struct btf_type *a, const struct btf_type *b) {
  return btf_kind(a) == btf_kind(b) || (btf_is_any_enum(a) && btf_is_any_enum(b));
}

/* Adds the types of `among` that may be what `local` is called in the program. As libbpf does, but for the search. */
int bpf_core_add_cands(struct bpf_core_cand *local, size_t length, const struct btf *among, const char *label, int start, struct bpf_core_cand_list *found) {
  (void)label;
  const struct btf_type *wanted = btf__type_by_id(local->btf, local->id);
  const char *name = btf__name_by_offset(local->btf, wanted->name_off);
  pthread_mutex_lock(&lock);
  if (among == types && !by_name) by_name = index_types(types);
  const struct index *index = among == types && start == 1 && !btf_is_func(wanted) ? by_name : NULL;
  pthread_mutex_unlock(&lock);
  u32 count = btf__type_cnt(among);
  for (u32 id = index ? index->first[bucket_of(name, length)] : (u32)start; id && id < count; id = index ? index->next[id] : id + 1) {
    const struct btf_type *t = btf__type_by_id(among, id);
    if (!is_compatible(t, wanted)) continue;
    const char *other = btf__name_by_offset(among, t->name_off);
    if (!other || !*other || bpf_core_essential_name_len(other) != length || strncmp(other, name, length)) continue;
    struct bpf_core_cand *all = realloc(found->cands, ((size_t)found->len + 1) * sizeof(*all));
    if (!all) return -ENOMEM;
    all[found->len++] = (struct bpf_core_cand){.btf = among, .id = id};
    found->cands = all;
  }
  return 0;
}

void kernel_types_hold(void) {
  pthread_mutex_lock(&lock);
  holders++;
  pthread_mutex_unlock(&lock);
}

void kernel_types_release(void) {
  struct btf *last = NULL;
  struct index *index = NULL;
  pthread_mutex_lock(&lock);
  if (--holders == 0) {
    last = types;
    index = by_name;
    types = NULL;
    by_name = NULL;
  }
  pthread_mutex_unlock(&lock);
  free(index);
  if (last) __real_btf__free(last);
}

struct btf *__wrap_btf__load_vmlinux_btf(void) {
  pthread_mutex_lock(&lock);
  struct btf *all = types;
  if (!all) all = __real_btf__load_vmlinux_btf();
  if (holders > 0) types = all;
  pthread_mutex_unlock(&lock);
  return all;
}

void __wrap_btf__free(struct btf *btf) {
  pthread_mutex_lock(&lock);
  int is_kept = btf != NULL && btf == types;
  pthread_mutex_unlock(&lock);
  if (!is_kept) __real_btf__free(btf);
}

#ifndef BPF_PSEUDO_KFUNC_CALL
#define BPF_PSEUDO_KFUNC_CALL 2
#endif

/* libbpf leaves 0 as the function's number when the kernel has none. Since 5.16 the kernel takes that in code that is never reached,
 * before it refuses the program. The callers (task_cast) ask first, so this code is dead: any instruction will do. */
int __wrap_bpf_prog_load(enum bpf_prog_type type, const char *name, const char *license, const struct bpf_insn *code, size_t count, const struct bpf_prog_load_opts *options) {
  struct bpf_insn *mended = NULL;
  for (size_t i = 0; i < count; i++) {
    if (code[i].code != (BPF_JMP | BPF_CALL) || code[i].src_reg != BPF_PSEUDO_KFUNC_CALL || code[i].imm != 0) continue;
    if (!mended) {
      mended = malloc(count * sizeof(*mended));
      if (!mended) break;
      memcpy(mended, code, count * sizeof(*mended));
    }
    mended[i] = (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_0, .src_reg = BPF_REG_1};
  }
  int fd = __real_bpf_prog_load(type, name, license, mended ? mended : code, count, options);
  free(mended);
  return fd;
}
