/* The program that the kernel matrix starts in many ways. Each time it writes down, as one JSON line, what it is by its own
 * account (system calls and /proc/self), and then ends as its mode says: alerts are compared with that, not with what the
 * agent said yesterday. Usage: witness MODE TOKEN [ARGUMENT...]. Static, so that it runs in an empty root. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TRUTH "/tmp/truth.ndjson"
#define SELF "/proc/self/exe"
#define STORM_ABREAST 8

static char line[512 * 1024];
static size_t used;

static void fail(const char *what) {
  fprintf(stderr, "witness: %s: %s\n", what, strerror(errno));
  _exit(99);
}

static void put(char c) {
  if (used < sizeof(line) - 64) line[used++] = c;
}

static void raw(const char *text) {
  while (*text) put(*text++);
}

static void quoted(const char *text, size_t length) {
  put('"');
  for (size_t i = 0; i < length; i++) {
    unsigned char c = (unsigned char)text[i];
    if (c == '"' || c == '\\') put('\\');
    if (c < 32) used += (size_t)sprintf(line + used, "\\u%04x", c);
    else put((char)c);
  }
  put('"');
}

static void key(const char *name) {
  if (line[used - 1] != '{') put(',');
  quoted(name, strlen(name));
  put(':');
}

static void number(const char *name, long long value) {
  char text[32];
  snprintf(text, sizeof(text), "%lld", value);
  key(name);
  raw(text);
}

static void string(const char *name, const char *value) {
  key(name);
  quoted(value, strlen(value));
}

static size_t slurp(const char *path, char *to, size_t bytes) {
  size_t length = 0;
  ssize_t n;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  while (length < bytes - 1 && (n = read(fd, to + length, bytes - 1 - length)) > 0) length += (size_t)n;
  close(fd);
  to[length] = 0;
  return length;
}

static void link_text(const char *name, const char *path) {
  char text[8192];
  ssize_t n = readlink(path, text, sizeof(text) - 1);
  text[n < 0 ? 0 : n] = 0;
  string(name, text);
}

static void begin(const char *token) {
  used = 0;
  raw("{");
  string("token", token);
}

static void end(void) {
  raw("}\n");
  int fd = open(TRUTH, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0 || write(fd, line, used) != (ssize_t)used) fail(TRUTH);
  close(fd);
}

static void tell_namespaces(void) {
  static const char *const names[] = {"mnt", "pid", "net", "user", "uts", "ipc", "cgroup"};
  char path[64], text[64];
  key("namespaces");
  put('{');
  for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
    snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
    ssize_t n = readlink(path, text, sizeof(text) - 1);
    text[n < 0 ? 0 : n] = 0;
    const char *digits = strchr(text, '[');
    number(names[i], digits ? atoll(digits + 1) : 0);
  }
  put('}');
}

/* Everything that this process can say of itself. */
static void tell(const char *token) {
  static char text[64 * 1024];
  struct timespec real, boot;
  struct stat st;

  begin(token);
  number("pid", getpid());
  number("ppid", getppid());
  number("uid", getuid());
  number("euid", geteuid());
  number("gid", getgid());
  number("egid", getegid());
  number("sid", getsid(0));
  link_text("exe", SELF);
  char *cwd = getcwd(NULL, 0);
  string("cwd", cwd ? cwd : "");
  free(cwd);

  size_t length = slurp("/proc/self/cmdline", text, sizeof(text));
  key("args");
  put('[');
  for (size_t at = 0; at < length; at += strlen(text + at) + 1) {
    if (at) put(',');
    quoted(text + at, strlen(text + at));
  }
  put(']');

  if (stat(SELF, &st) == 0) {
    number("inode", (long long)st.st_ino);
    number("links", (long long)st.st_nlink);
    number("mode", st.st_mode & 07777);
    number("owner", st.st_uid);
    number("ctimeMs", st.st_ctim.tv_sec * 1000ll + st.st_ctim.tv_nsec / 1000000);
    snprintf(text, sizeof(text), "%u:%u", major(st.st_dev), minor(st.st_dev));
    string("device", text);
  }
  tell_namespaces();

  length = slurp("/proc/self/cgroup", text, sizeof(text));
  char *v2 = strstr(text, "0::");
  if (v2) {
    v2[strcspn(v2, "\n")] = 0;
    string("cgroup", v2 + 3);
  }

  /* Field 22 of /proc/self/stat, counted from behind the name, which may hold anything. */
  slurp("/proc/self/stat", text, sizeof(text));
  char *field = strrchr(text, ')');
  for (int i = 2; field && i < 22; i++) field = strchr(field + 1, ' ');
  clock_gettime(CLOCK_REALTIME, &real);
  clock_gettime(CLOCK_BOOTTIME, &boot);
  long long now = real.tv_sec * 1000ll + real.tv_nsec / 1000000, up = boot.tv_sec * 1000ll + boot.tv_nsec / 1000000;
  if (field) number("startMs", now - up + atoll(field) * 1000 / sysconf(_SC_CLK_TCK));
  number("nowMs", now);
  slurp("/proc/self/status", text, sizeof(text));
  char *caps = strstr(text, "CapEff:");
  if (caps) {
    char value[17] = "";
    sscanf(caps, "CapEff: %16[0-9a-f]", value);
    string("capabilities", value);
  }
  end();
}

static void run_self(const char *path, const char *token) {
  char *const args[] = {"witness", "run", (char *)token, NULL};
  execv(path, args);
  fail(path);
}

static void run_fd(int fd, const char *token) {
  char *const args[] = {"witness", "run", (char *)token, NULL};
  char *const env[] = {NULL};
  syscall(SYS_execveat, fd, "", args, env, AT_EMPTY_PATH);
  fail("execveat");
}

static int code_of(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

static int wait_for(pid_t child) {
  int status;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) fail("waitpid");
  return code_of(status);
}

static pthread_barrier_t barrier;
static int group_code = -1;

/* A thread that ends alone, at the same moment as the others and with a code of its own; or the first ends them all. */
static void *thread_body(void *index) {
  pthread_barrier_wait(&barrier);
  if (group_code >= 0) {
    if (!index) syscall(SYS_exit_group, group_code);
    for (;;) pause();
  }
  syscall(SYS_exit, 100 + (long)index);
  return NULL;
}

static void threads(int count, int code, int is_group) {
  pthread_barrier_init(&barrier, NULL, (unsigned)count + 1);
  if (is_group) group_code = code;
  for (long i = 0; i < count; i++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, thread_body, (void *)i)) fail("pthread_create");
  }
  pthread_barrier_wait(&barrier);
  if (is_group)
    for (;;) pause();
  syscall(SYS_exit, code); /* the leader alone */
}

static void *exec_body(void *token) {
  run_self(SELF, token);
  return NULL;
}

static void memory_file(const char *token) {
  int fd = (int)syscall(SYS_memfd_create, "sigil-memory", MFD_CLOEXEC);
  int self = open(SELF, O_RDONLY | O_CLOEXEC);
  char buffer[65536];
  ssize_t n;
  if (fd < 0 || self < 0) fail("memfd");
  while ((n = read(self, buffer, sizeof(buffer))) > 0)
    if (write(fd, buffer, (size_t)n) != n) fail("memfd");
  run_fd(fd, token);
}

/* Starts `count` children as fast as it can, a few abreast, each of which runs TOKEN-i. */
static int storm(const char *token, int count) {
  int good = 0, running = 0, status;
  char name[256];
  for (int i = 0; i < count || running > 0;) {
    if (i < count && running < STORM_ABREAST) {
      snprintf(name, sizeof(name), "%s-%d", token, i++);
      char *const args[] = {"witness", "quiet", name, NULL};
      pid_t child;
      if ((errno = posix_spawn(&child, SELF, NULL, NULL, args, environ))) fail("posix_spawn");
      running++;
    } else {
      if (wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) good++;
      running--;
    }
  }
  begin(token);
  number("good", good);
  end();
  return good == count ? 0 : 1;
}

/* A process without a terminal of ours gets one of its own. */
static int on_terminal(const char *token) {
  int master = posix_openpt(O_RDWR | O_NOCTTY);
  if (master < 0 || grantpt(master) || unlockpt(master)) fail("posix_openpt");
  const char *name = ptsname(master);
  pid_t child = fork();
  if (child == 0) {
    setsid();
    int tty = open(name, O_RDWR);
    if (tty < 0 || ioctl(tty, TIOCSCTTY, 0)) fail("TIOCSCTTY");
    for (int fd = 0; fd < 3; fd++) dup2(tty, fd);
    run_self(SELF, token);
  }
  return wait_for(child);
}

/* What a container runtime does, in small: namespaces, a root of its own, then the program. */
static int contain(const char *token, const char *root, const char *program) {
  if (unshare(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC)) fail("unshare");
  pid_t child = fork();
  if (child == 0) {
    if (chdir(root) || mount("proc", "proc", "proc", 0, NULL) || chroot(".") || chdir("/srv")) fail(root);
    run_self(program, token);
  }
  int code = wait_for(child);
  char name[256];
  snprintf(name, sizeof(name), "%s.outside", token);
  begin(name);
  number("pid", child);
  end();
  return code;
}

/* Waits until the file exists, at most a minute, then starts a child and ends with its own code. */
static int hold(const char *token, const char *file) {
  char name[256];
  for (int i = 0; access(file, F_OK) != 0; i++) {
    if (i == 3000) fail(file);
    usleep(20000);
  }
  snprintf(name, sizeof(name), "%s-child", token);
  pid_t child = fork();
  if (child == 0) run_self(SELF, name);
  wait_for(child);
  return 7;
}

/* A child whose parent has ended before it starts its program. */
static int orphan(const char *token) {
  pid_t parent = getpid();
  pid_t child = fork();
  if (child != 0) return 0;
  for (int i = 0; getppid() == parent && i < 500; i++) usleep(10000);
  run_self(SELF, token);
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 3) return 64;
  const char *mode = argv[1], *token = argv[2];
  const char *first = argc > 3 ? argv[3] : "", *second = argc > 4 ? argv[4] : "";
  int is_start = strcmp(mode, "quiet") != 0;
  if (is_start) tell(token);
  if (!is_start || !strcmp(mode, "run")) return 0;
  if (!strcmp(mode, "exit")) return atoi(first);
  if (!strcmp(mode, "signal")) {
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    signal(atoi(first), SIG_DFL);
    kill(getpid(), atoi(first));
    return 99;
  }
  if (!strcmp(mode, "threads")) threads(atoi(first), atoi(second), 0);
  if (!strcmp(mode, "group")) threads(atoi(first), atoi(second), 1);
  if (!strcmp(mode, "thread-exec")) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, exec_body, (void *)first)) fail("pthread_create");
    for (;;) pause();
  }
  if (!strcmp(mode, "memory")) memory_file(first);
  if (!strcmp(mode, "deleted")) {
    int fd = open(second, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || unlink(second)) fail(second);
    run_fd(fd, first);
  }
  if (!strcmp(mode, "descriptor")) {
    char path[64];
    int fd = open(SELF, O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    run_self(path, first);
  }
  if (!strcmp(mode, "as")) {
    if (setgroups(0, NULL) || setgid((gid_t)atoi(second)) || setuid((uid_t)atoi(second))) fail("setuid");
    run_self(argc > 5 ? argv[5] : SELF, first);
  }
  if (!strcmp(mode, "storm")) return storm(first, atoi(second));
  if (!strcmp(mode, "terminal")) return on_terminal(first);
  if (!strcmp(mode, "contain")) return contain(first, second, argv[5]);
  if (!strcmp(mode, "hold")) return hold(token, first);
  if (!strcmp(mode, "orphan")) return orphan(first);
  return 64;
}
