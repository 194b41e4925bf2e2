/* Starts processes and measures itself: `spawn PROGRAM PREFIX COUNT LANES RATE`.
 *
 * Every lane is a fork of this program that starts its share of COUNT processes one after the other (vfork, execve, wait), each
 * with the argument PREFIX-NNNNNN; RATE a second over all lanes, 0 for as fast as it goes. Then one line of JSON: processes that
 * ended with 0, nanoseconds from before the first to after the last, and processor time of all of them with this program's own.
 * Ends with 1 when one could not be started or did not end with 0. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char *const no_environment[] = {NULL};

static long long now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000ll + t.tv_nsec;
}

/* 1 when the program ended with 0. */
__attribute__((noinline)) static int run_one(const char *program, char *const *argv) {
  int pid = vfork();
  if (pid == 0) {
    execve(program, argv, no_environment);
    _exit(127);
  }
  int status = 1;
  return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static int lane(const char *program, const char *prefix, int first, int count, int step, long rate, int *started) {
  char token[256];
  char *argv[] = {(char *)program, token, NULL};
  long long began = now_ns();
  for (int i = first; i < count; i += step) {
    if (rate > 0) {
      long long due = began + i * 1000000000ll / rate;
      struct timespec t = {due / 1000000000, due % 1000000000};
      clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
    }
    snprintf(token, sizeof(token), "%s-%06d", prefix, i);
    if (!run_one(program, argv)) return 1;
    ++*started;
  }
  return 0;
}

static long long cpu_ns(int who) {
  struct rusage u;
  getrusage(who, &u);
  return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000ll + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000ll;
}

int main(int argc, char **argv) {
  if (argc != 6) return 64;
  int count = atoi(argv[3]), lanes = atoi(argv[4]);
  long rate = atol(argv[5]);
  if (count < 1 || lanes < 1 || lanes > 256 || rate < 0) return 64;
  int *started = mmap(NULL, sizeof(*started) * 256, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (started == MAP_FAILED) return 1;
  long long began = now_ns();
  for (int i = 0; i < lanes; i++)
    if (fork() == 0) _exit(lane(argv[1], argv[2], i, count, lanes, rate, &started[i]));
  int failed = 0, status;
  while (wait(&status) > 0) failed |= status != 0;
  long long wall = now_ns() - began;
  int total = 0;
  for (int i = 0; i < lanes; i++) total += started[i];
  printf("{\"started\":%d,\"wallNs\":%lld,\"cpuNs\":%lld}\n", total, wall, cpu_ns(RUSAGE_SELF) + cpu_ns(RUSAGE_CHILDREN));
  return failed || total != count;
}
