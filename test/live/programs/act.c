/* Starts programs in the odd ways that the tests of the event's truth need, and ends in odd ways: `act WAY ARGUMENT...`, the ways
 * at the end of this file. Where a way execs, it becomes that program; where it forks, it waits and says on stdout what happened.
 * Static, so that it runs in any root. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void fail(const char *what) {
  perror(what);
  exit(125);
}

static void copy(int to, const char *from) {
  char bytes[65536];
  ssize_t n;
  int fd = open(from, O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail(from);
  while ((n = read(fd, bytes, sizeof(bytes))) > 0)
    if (write(to, bytes, (size_t)n) != n) fail("write");
  close(fd);
}

/* memfd PROGRAM ARGUMENT...: an anonymous copy of the program, through its descriptor. */
static int memfd(char **a) {
  int fd = memfd_create("sigil-test", MFD_CLOEXEC);
  if (fd < 0) fail("memfd_create");
  copy(fd, a[0]);
  syscall(SYS_execveat, fd, "", a, environ, AT_EMPTY_PATH);
  fail("execveat");
  return 1;
}

static int through_proc(char **a, int gone) {
  char path[64];
  int fd = open(a[0], O_RDONLY);
  if (fd < 0) fail(a[0]);
  if (gone && unlink(a[0])) fail("unlink");
  snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
  execve(path, a, environ);
  fail(path);
  return 1;
}

/* descriptor PROGRAM ARGUMENT...: by the name that its open descriptor has in /proc. */
static int descriptor(char **a) { return through_proc(a, 0); }

/* deleted PROGRAM ARGUMENT...: the same after its only name is gone. */
static int deleted(char **a) { return through_proc(a, 1); }

/* empty PROGRAM: with no argument at all, not even a name. */
static int empty(char **a) {
  char *none[] = {NULL};
  syscall(SYS_execve, a[0], none, environ);
  fail(a[0]);
  return 1;
}

/* odd PROGRAM TOKEN: with arguments that a careless program would print raw, split or lose. */
static int odd(char **a) {
  char *argv[] = {a[0], a[1], "line\nbreak\ttab", "\033[31mred\033[0m", "\xff\xfe\xc3(", "", "  two  spaces ", "\xe2\x82\xac", NULL};
  execve(a[0], argv, environ);
  fail(a[0]);
  return 1;
}

/* long PROGRAM TOKEN BYTES COUNT: COUNT arguments of BYTES letters each before the token. */
static int lengthy(char **a) {
  size_t bytes = strtoul(a[2], NULL, 10), count = strtoul(a[3], NULL, 10);
  char **argv = calloc(count + 3, sizeof(*argv));
  argv[0] = a[0];
  for (size_t i = 1; i <= count; i++) {
    argv[i] = malloc(bytes + 1);
    memset(argv[i], 'a' + (int)(i % 26), bytes);
    argv[i][bytes] = 0;
  }
  argv[count + 1] = a[1];
  execve(a[0], argv, environ);
  fail(a[0]);
  return 1;
}

/* deep PROGRAM TOKEN LENGTH COUNT: from a folder COUNT folders further down, each with a name of LENGTH letters. */
static int deep(char **a) {
  int length = atoi(a[2]), count = atoi(a[3]);
  char name[256];
  memset(name, 'd', sizeof(name));
  name[length] = 0;
  int program = open(a[0], O_RDONLY | O_CLOEXEC);
  if (program < 0) fail(a[0]);
  for (int i = 0; i < count; i++)
    if (mkdir(name, 0755) || chdir(name)) fail("mkdir");
  char from[64], *argv[] = {"./prog", a[1], NULL};
  int to = open("prog", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
  if (to < 0) fail("prog");
  snprintf(from, sizeof(from), "/proc/self/fd/%d", program);
  copy(to, from);
  close(to);
  execve("./prog", argv, environ);
  fail("./prog");
  return 1;
}

static void *endless(void *unused) {
  for (;;) pause();
  return unused;
}

static void *exec_in_thread(void *argument) {
  char **a = argument;
  execve(a[0], a, environ);
  fail(a[0]);
  return NULL;
}

/* thread PROGRAM ARGUMENT...: from a thread that is not the first, while the first sleeps. */
static int thread(char **a) {
  pthread_t t;
  printf("%d\n", getpid());
  fflush(stdout);
  pthread_create(&t, NULL, exec_in_thread, a);
  endless(NULL);
  return 1;
}

/* as UID GID PROGRAM ARGUMENT...: as another user, without further groups. */
static int as(char **a) {
  gid_t gid = (gid_t)atoi(a[1]);
  uid_t uid = (uid_t)atoi(a[0]);
  if (syscall(SYS_setgroups, 0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid)) fail("setresuid");
  execve(a[2], a + 2, environ);
  fail(a[2]);
  return 1;
}

/* root FOLDER PROGRAM ARGUMENT...: with another root. */
static int root(char **a) {
  if (chroot(a[0]) || chdir("/")) fail("chroot");
  execve(a[1], a + 1, environ);
  fail(a[1]);
  return 1;
}

/* socket PROGRAM ARGUMENT...: with a socket as stdin and a pipe as stdout. */
static int sockets(char **a) {
  int pair[2], ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || pipe(ends)) fail("socketpair");
  dup2(pair[0], 0);
  dup2(ends[1], 1);
  close(2);
  execve(a[0], a, environ);
  return 1;
}

/* series COUNT PAUSE PROGRAM TOKEN: children one after the other with PAUSE ms between them; the argument says which. */
static int series(char **a) {
  char token[256];
  for (int i = 1; i <= atoi(a[0]); i++) {
    int pid = fork(), status;
    if (pid == 0) {
      snprintf(token, sizeof(token), "%s-%d", a[3], i);
      char *argv[] = {a[2], token, NULL};
      execve(a[2], argv, environ);
      fail(a[2]);
    }
    waitpid(pid, &status, 0);
    usleep((useconds_t)atoi(a[1]) * 1000);
  }
  return 0;
}

/* orphan PROGRAM ARGUMENT...: a grandchild whose parent is gone before it execs. Says who the parent was, and the grandchild. */
static int orphan(char **a) {
  int status;
  /* So that the end of this process means the end of the grandchild, whose new parent it becomes. */
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  int middle = fork();
  if (middle == 0) {
    int parent = getpid();
    if (fork() == 0) {
      for (int turns = 0; getppid() == parent && turns < 5000; turns++) usleep(1000);
      printf("%d %d\n", parent, getpid());
      fflush(stdout);
      execve(a[0], a, environ);
      fail(a[0]);
    }
    _exit(0);
  }
  while (wait(&status) > 0) continue;
  return middle < 0;
}

/* Ends: every one runs in a child whose wait status is told, so that the kernel itself says what is right. */
static void *end_group(void *code) {
  syscall(SYS_exit_group, (int)(long)code);
  return NULL;
}

static void *end_alone(void *code) {
  usleep(20000);
  syscall(SYS_exit, (int)(long)code);
  return NULL;
}

/* end WAY TOKEN: code (7), group (a thread ends all with 9), threads (each thread ends itself, the first one first, with
 * 3 and 5), term, kill, abort (with a core if there may be one), many (killed with 8 threads). */
static int end_now(char **a) {
  pthread_t t;
  const char *way = a[0];
  if (!strcmp(way, "code")) return 7;
  if (!strcmp(way, "group")) {
    for (int i = 0; i < 4; i++) pthread_create(&t, NULL, endless, NULL);
    pthread_create(&t, NULL, end_group, (void *)9l);
    endless(NULL);
  }
  if (!strcmp(way, "threads")) {
    for (int i = 0; i < 4; i++) pthread_create(&t, NULL, end_alone, (void *)5l);
    syscall(SYS_exit, 3);
  }
  if (!strcmp(way, "term")) raise(SIGTERM);
  if (!strcmp(way, "kill")) raise(SIGKILL);
  if (!strcmp(way, "abort")) abort();
  if (!strcmp(way, "many")) {
    for (int i = 0; i < 8; i++) pthread_create(&t, NULL, endless, NULL);
    usleep(5000);
    kill(getpid(), SIGKILL);
    endless(NULL);
  }
  return 64;
}

/* reap WAY TOKEN: `end WAY TOKEN` as a child; says its pid and wait status. */
static int reap(char **a) {
  int pid = fork(), status = 0;
  if (pid == 0) {
    char *argv[] = {"act", "end", a[0], a[1], NULL};
    execve("/proc/self/exe", argv, environ);
    fail("exec");
  }
  if (waitpid(pid, &status, 0) != pid) fail("waitpid");
  printf("%d %d\n", pid, status);
  return 0;
}

static const struct { const char *name; int arguments; int (*run)(char **); } ways[] = {
  {"memfd", 2, memfd}, {"descriptor", 2, descriptor}, {"deleted", 2, deleted}, {"empty", 1, empty}, {"odd", 2, odd},
  {"long", 4, lengthy}, {"deep", 4, deep},            {"thread", 2, thread},   {"as", 4, as},       {"root", 3, root},
  {"socket", 2, sockets}, {"series", 4, series},          {"orphan", 2, orphan},   {"end", 2, end_now}, {"reap", 2, reap},
};

int main(int argc, char **argv) {
  for (size_t i = 0; argc > 1 && i < sizeof(ways) / sizeof(ways[0]); i++)
    if (!strcmp(argv[1], ways[i].name) && argc - 2 >= ways[i].arguments) return ways[i].run(argv + 2);
  fprintf(stderr, "act: unknown way or too few arguments\n");
  return 64;
}
