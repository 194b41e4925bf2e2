/* Attaching programs of the network to the root of the v2 hierarchy of control groups, so that they see the sockets of all
 * processes. Wherever that is mounted, if anywhere: where nobody has, a mount of our own that no namespace sees is opened for as
 * long as it is attached to. The hierarchy is in every kernel with control groups, on hosts that use v1 too. */
#include "programs.h"
#include "shim.h"
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define CGROUP2_MAGIC 0x63677270

/* fsopen(2) and its kin (5.2), by number: see tracepoint.c. */
#define NR_FSOPEN 430
#define NR_FSCONFIG 431
#define NR_FSMOUNT 432
#define FSCONFIG_CMD_CREATE_NR 6

static int own_root(void) {
  int fs = (int)syscall(NR_FSOPEN, "cgroup2", 1 /* FSOPEN_CLOEXEC */);
  if (fs < 0) return -1;
  int mount = -1;
  if (syscall(NR_FSCONFIG, fs, FSCONFIG_CMD_CREATE_NR, NULL, NULL, 0) == 0)
    mount = (int)syscall(NR_FSMOUNT, fs, 1 /* FSMOUNT_CLOEXEC */, 0);
  int e = errno;
  close(fs);
  errno = e;
  return mount;
}

static int cgroup_root(void) {
  static const char *const places[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
  for (u32 i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
    struct statfs what;
    if (statfs(places[i], &what) || what.f_type != CGROUP2_MAGIC) continue;
    int dir = open(places[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir >= 0) return dir;
  }
  return own_root();
}

struct bpf_link *cgroup_attach(struct bpf_program *program) {
  int root = cgroup_root();
  if (root < 0) return NULL;
  /* A link: beside whatever others have attached, and gone when it is closed. */
  struct bpf_link *link = bpf_program__attach_cgroup(program, root);
  int e = errno;
  close(root);
  errno = e;
  return link;
}
