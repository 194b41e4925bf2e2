/* Between libbpf and what it calls (the linker's --wrap): the kernel's types are read once for all objects and not once for each,
 * and a call of a kernel function that this kernel does not have is taken out of the code. */
#include "shim.h"
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <linux/bpf.h>
#include <pthread.h>
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

void kernel_types_hold(void) {
  pthread_mutex_lock(&lock);
  holders++;
  pthread_mutex_unlock(&lock);
}

void kernel_types_release(void) {
  struct btf *last = NULL;
  pthread_mutex_lock(&lock);
  if (--holders == 0) {
    last = types;
    types = NULL;
  }
  pthread_mutex_unlock(&lock);
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
