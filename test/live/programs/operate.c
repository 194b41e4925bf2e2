/* Does one kernel operation and says on stdout what it did: `operate WAY ARGUMENT...`, the ways at the end of this file. Facts are lines
 * of NAME=VALUE, from the kernel's own answers and not from the agent. Arguments that a way does not use name the run. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/userfaultfd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static void fail(const char *what) {
  perror(what);
  exit(125);
}

static void must(long result, const char *what) {
  if (result < 0) fail(what);
}

static char shared_word[16] = "before";

/* A child that sleeps; ends with us. */
static pid_t sleeper(void) {
  pid_t child = fork();
  must(child, "fork");
  if (child) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (;;) pause();
}

static void reap(pid_t child) {
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
}

/* setuid UID */
static void way_setuid(char **a) { must(syscall(SYS_setresuid, -1, atoi(a[0]), -1), "setresuid"); }

/* capset: gives up CAP_SYS_TIME, and takes it back. */
static void way_capset(char **a) {
  (void)a;
  struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2];
  must(syscall(SYS_capget, &head, data), "capget");
  data[0].effective &= ~(1u << CAP_SYS_TIME);
  must(syscall(SYS_capset, &head, data), "capset");
  data[0].effective |= 1u << CAP_SYS_TIME;
  must(syscall(SYS_capset, &head, data), "capset");
}

/* ptrace: seizes a child, and changes a word of another that asked to be traced. */
static void way_ptrace(char **a) {
  (void)a;
  pid_t child = sleeper();
  printf("target=%d\n", child);
  must(ptrace(PTRACE_SEIZE, child, 0, 0), "seize");
  reap(child);
  child = fork();
  if (child == 0) {
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    _exit(0);
  }
  printf("poked=%d\n", child);
  waitpid(child, NULL, 0);
  must(ptrace(PTRACE_POKEDATA, child, shared_word, 0x41), "poke");
  printf("address=0x%lx\n", (unsigned long)shared_word);
  reap(child);
}

/* vm: writes into a child and reads from it. */
static void way_vm(char **a) {
  (void)a;
  pid_t child = sleeper();
  char word[8] = "after";
  struct iovec own = {word, 6}, other = {shared_word, 6};
  must(process_vm_writev(child, &own, 1, &other, 1, 0), "process_vm_writev");
  must(process_vm_readv(child, &own, 1, &other, 1, 0), "process_vm_readv");
  printf("target=%d\n", child);
  reap(child);
}

/* signal PID NUMBER */
static void way_signal(char **a) { must(kill(atoi(a[0]), atoi(a[1])), "kill"); }

/* int80 PID NUMBER: the same, by a 32-bit system call. */
static void way_int80(char **a) {
#if defined(__x86_64__)
  int result, pid = atoi(a[0]), number = atoi(a[1]);
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(37), "b"(pid), "c"(number) : "memory", "r8", "r9", "r10", "r11");
  printf("result=%d\n", result);
#else
  (void)a;
#endif
}

/* memfd NAME */
static void way_memfd(char **a) {
  int fd = memfd_create(a[0], MFD_CLOEXEC | MFD_ALLOW_SEALING);
  must(fd, "memfd_create");
}

/* executable: anonymous memory, writable and executable; then memory that becomes executable. Each twice. */
static void way_executable(char **a) {
  (void)a;
  for (int i = 0; i < 2; i++) {
    void *both = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void *later = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (both == MAP_FAILED || later == MAP_FAILED) fail("mmap");
    if (i == 0) printf("both=0x%lx\nlater=0x%lx\n", (unsigned long)both, (unsigned long)later);
    must(mprotect(later, 4096, PROT_READ | PROT_EXEC), "mprotect");
  }
}

/* library PATH */
static void way_library(char **a) {
  struct stat facts;
  int fd = open(a[0], O_RDONLY | O_CLOEXEC);
  must(fd, a[0]);
  fstat(fd, &facts);
  if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED) fail("mmap");
  printf("inode=%lu\n", (unsigned long)facts.st_ino);
}

/* bpf PIN: loads a program of two instructions, and asks for a pin that is not there. */
static void way_bpf(char **a) {
  struct bpf_insn code[] = {{.code = 0xb7}, {.code = 0x95}};
  union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER, .insn_cnt = 2, .insns = (unsigned long)code, .license = (unsigned long)"GPL"};
  strcpy(attr.prog_name, "sigil_probe");
  int fd = syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
  must(fd, "BPF_PROG_LOAD");
  union bpf_attr pin = {.pathname = (unsigned long)a[0]};
  long result = syscall(SYS_bpf, BPF_OBJ_GET, &pin, sizeof(pin));
  printf("get=%d\n", result < 0 ? -errno : 0);
}

/* mount FOLDER: in a namespace of its own. */
static void way_mount(char **a) {
  must(unshare(CLONE_NEWNS), "unshare");
  /* Refused below a chroot, where the root is no mount point: there the caller has made it private. */
  if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) && errno != EINVAL) fail("private");
  must(mount("sigil-test", a[0], "tmpfs", MS_NOSUID | MS_NOEXEC, "size=64k"), "mount");
  must(umount2(a[0], MNT_DETACH), "umount");
}

/* namespace: a child in new namespaces, and setns to its own. */
static void way_namespace(char **a) {
  (void)a;
  pid_t child = syscall(SYS_clone, CLONE_NEWUTS | CLONE_NEWIPC | SIGCHLD, 0, 0, 0, 0);
  if (child == 0) _exit(0);
  must(child, "clone");
  printf("child=%d\n", child);
  waitpid(child, NULL, 0);
  int fd = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
  must(setns(fd, CLONE_NEWUTS), "setns");
}

/* calls NAME: prctl, personality, add_key, keyctl, userfaultfd. */
static void way_calls(char **a) {
  must(prctl(PR_SET_NAME, a[0]), "prctl");
  must(personality(ADDR_NO_RANDOMIZE), "personality");
  long key = syscall(SYS_add_key, "user", a[0], "x", 1, KEY_SPEC_PROCESS_KEYRING);
  must(key, "add_key");
  must(syscall(SYS_keyctl, KEYCTL_REVOKE, key), "keyctl");
  printf("key=0x%lx\n", (unsigned long)(unsigned)key);
  must(syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY), "userfaultfd");
}

/* io_uring with nothing but system calls. */
struct ring {
  int fd;
  unsigned *tail, mask, *array, *cq_head, *cq_tail, cq_mask;
  struct io_uring_sqe *entries;
  struct io_uring_cqe *done;
};

static void ring_open(struct ring *r) {
  struct io_uring_params p = {0};
  r->fd = syscall(SYS_io_uring_setup, 8, &p);
  must(r->fd, "io_uring_setup");
  char *sq = mmap(NULL, p.sq_off.array + p.sq_entries * 4, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, IORING_OFF_SQ_RING);
  char *cq = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe), PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, IORING_OFF_CQ_RING);
  r->entries = mmap(NULL, p.sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, IORING_OFF_SQES);
  if (sq == MAP_FAILED || cq == MAP_FAILED || r->entries == MAP_FAILED) fail("mmap");
  r->tail = (void *)(sq + p.sq_off.tail);
  r->mask = *(unsigned *)(sq + p.sq_off.ring_mask);
  r->array = (void *)(sq + p.sq_off.array);
  r->cq_head = (void *)(cq + p.cq_off.head);
  r->cq_tail = (void *)(cq + p.cq_off.tail);
  r->cq_mask = *(unsigned *)(cq + p.cq_off.ring_mask);
  r->done = (void *)(cq + p.cq_off.cqes);
}

static int ring_do(struct ring *r, struct io_uring_sqe entry) {
  unsigned at = *r->tail & r->mask;
  r->entries[at] = entry;
  r->array[at] = at;
  __atomic_store_n(r->tail, *r->tail + 1, __ATOMIC_RELEASE);
  must(syscall(SYS_io_uring_enter, r->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0), "io_uring_enter");
  int result = r->done[*r->cq_head & r->cq_mask].res;
  __atomic_store_n(r->cq_head, *r->cq_head + 1, __ATOMIC_RELEASE);
  return result;
}

/* uring FOLDER: makes FOLDER/made, renames it to FOLDER/moved, removes that, and connects to port 9 of 127.0.0.1. */
static void way_uring(char **a) {
  struct ring r;
  ring_open(&r);
  must(chdir(a[0]), a[0]);
  int fd = ring_do(&r, (struct io_uring_sqe){.opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, .addr = (unsigned long)"made", .open_flags = O_CREAT | O_WRONLY, .len = 0600});
  must(fd, "openat");
  char moved[512];
  snprintf(moved, sizeof(moved), "%s/moved", a[0]);
  must(ring_do(&r, (struct io_uring_sqe){.opcode = IORING_OP_RENAMEAT, .fd = AT_FDCWD, .addr = (unsigned long)"made", .len = (unsigned)AT_FDCWD, .addr2 = (unsigned long)moved}), "renameat");
  must(ring_do(&r, (struct io_uring_sqe){.opcode = IORING_OP_UNLINKAT, .fd = AT_FDCWD, .addr = (unsigned long)"moved"}), "unlinkat");
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  printf("connect=%d\n", ring_do(&r, (struct io_uring_sqe){.opcode = IORING_OP_CONNECT, .fd = s, .addr = (unsigned long)&to, .off = sizeof(to)}));
}

/* flood COUNT: sets its personality again and again. */
static void way_flood(char **a) {
  for (int i = atoi(a[0]); i > 0; i--) must(personality(ADDR_NO_RANDOMIZE), "personality");
}

/* seize PID: and lets go at once, by ending. */
static void way_seize(char **a) { must(ptrace(PTRACE_SEIZE, atoi(a[0]), 0, 0), "seize"); }

/* poke PID: writes a word of it anew, as it was. */
static void way_poke(char **a) {
  pid_t pid = atoi(a[0]);
  char word[8];
  struct iovec own = {word, 6}, other = {shared_word, 6};
  must(process_vm_readv(pid, &own, 1, &other, 1, 0), "process_vm_readv");
  must(process_vm_writev(pid, &own, 1, &other, 1, 0), "process_vm_writev");
}

/* ring-read PATH: opens it through io_uring. */
static void way_ring_read(char **a) {
  struct ring r;
  ring_open(&r);
  must(ring_do(&r, (struct io_uring_sqe){.opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, .addr = (unsigned long)a[0], .open_flags = O_RDONLY}), "openat");
}

static char swapped[16] = "sigil-aaaa";
static volatile int swapping = 1;

static void *swapper(void *unused) {
  for (int i = 0; swapping; i++) memset(swapped + 6, i & 1 ? 'a' : 'b', 4);
  return unused;
}

/* swap COUNT: makes files in memory while another thread changes their name; says how many the kernel called by which. */
static void way_swap(char **a) {
  pthread_t thread;
  char path[64], name[64];
  int count = atoi(a[0]), as = 0, bs = 0, mixed = 0;
  pthread_create(&thread, NULL, swapper, NULL);
  for (int i = 0; i < count; i++) {
    int fd = memfd_create(swapped, MFD_CLOEXEC);
    must(fd, "memfd_create");
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(path, name, sizeof(name) - 1);
    must(n, "readlink");
    name[n] = 0;
    if (strstr(name, "sigil-aaaa")) as++;
    else if (strstr(name, "sigil-bbbb")) bs++;
    else mixed++;
    close(fd);
  }
  swapping = 0;
  pthread_join(thread, NULL);
  printf("a=%d\nb=%d\nmixed=%d\n", as, bs, mixed);
}

/* reuse FILE: two children, the second when FILE is there, with the same pid, each of which makes a file in memory. */
static void way_reuse(char **a) {
  pid_t first = fork();
  must(first, "fork");
  if (first == 0) _exit(memfd_create("sigil-first", 0) < 0);
  waitpid(first, NULL, 0);
  /* What the first did has been told when the file is there; 25 s at most. */
  for (int turns = 2500; turns > 0 && access(a[0], F_OK) != 0; turns--) usleep(10000);
  struct { unsigned long long flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size; } clone = {0};
  pid_t wanted = first;
  clone.exit_signal = SIGCHLD;
  clone.set_tid = (unsigned long)&wanted;
  clone.set_tid_size = 1;
  long second = syscall(SYS_clone3, &clone, sizeof(clone));
  must(second, "clone3");
  if (second == 0) _exit(memfd_create("sigil-second", 0) < 0);
  waitpid(second, NULL, 0);
  printf("first=%d\nsecond=%ld\n", first, second);
}

/* take: a descriptor of every eBPF program that is loaded. */
static void way_take(char **a) {
  (void)a;
  int taken = 0;
  union bpf_attr attr = {.start_id = 0};
  while (taken < 10000 && syscall(SYS_bpf, BPF_PROG_GET_NEXT_ID, &attr, sizeof(attr)) == 0) {
    union bpf_attr get = {.prog_id = attr.next_id};
    int fd = syscall(SYS_bpf, BPF_PROG_GET_FD_BY_ID, &get, sizeof(get));
    if (fd >= 0) taken++;
    if (fd >= 0) close(fd);
    attr.start_id = attr.next_id;
  }
  printf("programs=%d\n", taken);
}

/* wait: until it is killed. */
static void way_wait(char **a) {
  (void)a;
  printf("pid=%d\n", getpid());
  fflush(stdout);
  for (;;) pause();
}

static const struct { const char *name; void (*go)(char **); } ways[] = {
  {"setuid", way_setuid}, {"capset", way_capset}, {"ptrace", way_ptrace}, {"vm", way_vm}, {"signal", way_signal},
  {"int80", way_int80}, {"memfd", way_memfd}, {"executable", way_executable}, {"library", way_library}, {"bpf", way_bpf},
  {"mount", way_mount}, {"namespace", way_namespace}, {"calls", way_calls}, {"uring", way_uring}, {"flood", way_flood},
  {"wait", way_wait}, {"seize", way_seize}, {"take", way_take}, {"swap", way_swap}, {"reuse", way_reuse}, {"poke", way_poke}, {"ring-read", way_ring_read},
};

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (unsigned i = 0; argc > 1 && i < sizeof(ways) / sizeof(ways[0]); i++)
    if (!strcmp(argv[1], ways[i].name)) {
      ways[i].go(argv + 2);
      printf("self=%d\n", getpid());
      return 0;
    }
  return 64;
}
