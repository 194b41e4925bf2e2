/* Attaching to the classic tracepoints, without asking that anybody has mounted tracefs: where nobody has, a mount of our own
 * that no namespace sees is opened for as long as numbers are looked up. */
#include "programs.h"
#include "shim.h"
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* fsopen(2) and its kin (5.2), by number: the oldest glibc that we run on does not know them. The same on both machines. */
#define NR_FSOPEN 430
#define NR_FSCONFIG 431
#define NR_FSMOUNT 432
#define FSCONFIG_CMD_CREATE_NR 6

static int own_tracefs(void) {
  int fs = (int)syscall(NR_FSOPEN, "tracefs", 1 /* FSOPEN_CLOEXEC */);
  if (fs < 0) return -errno;
  int mount = -1;
  if (syscall(NR_FSCONFIG, fs, FSCONFIG_CMD_CREATE_NR, NULL, NULL, 0) == 0)
    mount = (int)syscall(NR_FSMOUNT, fs, 1 /* FSMOUNT_CLOEXEC */, 0);
  int e = errno;
  close(fs);
  return mount < 0 ? -e : mount;
}

int tracefs_open(void) {
  static const char *const places[] = {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"};
  for (u32 i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
    int dir = open(places[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) continue;
    if (faccessat(dir, "events", F_OK, 0) == 0) return dir;
    close(dir);
  }
  return own_tracefs();
}

static int tracepoint_id(int tracefs, const char *name) {
  char path[192], text[32] = {0};
  snprintf(path, sizeof(path), "events/%s/id", name);
  int fd = openat(tracefs, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    int e = errno;
    /* A call that this kernel does not have; unless it tells of no calls at all. */
    return e == ENOENT && !strncmp(name, "syscalls/", 9) && faccessat(tracefs, "events/syscalls/sys_exit_close", F_OK, 0) ? -EOPNOTSUPP : -e;
  }
  ssize_t n = read(fd, text, sizeof(text) - 1);
  close(fd);
  int id = n > 0 ? atoi(text) : 0;
  return id > 0 ? id : -EINVAL;
}

struct bpf_link *tracepoint_attach(struct bpf_program *program, int tracefs, const char *name) {
  int id = tracefs < 0 ? tracefs : tracepoint_id(tracefs, name);
  if (id < 0) {
    errno = -id;
    return NULL;
  }
  struct perf_event_attr attr = {.type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr), .config = (u64)id};
  /* One event for all processes and CPUs: a program on a tracepoint is called wherever it fires. */
  int fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
  if (fd < 0) return NULL;
  struct bpf_link *link = bpf_program__attach_perf_event(program, fd);
  if (link) return link;
  int e = errno;
  close(fd);
  errno = e;
  return NULL;
}
