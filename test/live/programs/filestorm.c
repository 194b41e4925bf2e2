/* Makes, writes, closes, renames and deletes files, each with a name of its own: `filestorm FOLDER PREFIX COUNT LANES RATE`. LANES
 * processes share the COUNT; RATE is how many files a second all of them together do, 0 as fast as possible. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what) {
  perror(what);
  exit(1);
}

static void lane(const char *folder, const char *prefix, int first, int count, int step, int rate) {
  char path[512], after[520];
  struct timespec next;
  long pause = rate > 0 ? 1000000000L / rate * step : 0;
  clock_gettime(CLOCK_MONOTONIC, &next);
  for (int i = first; i < count; i += step) {
    snprintf(path, sizeof(path), "%s/%s-%06d", folder, prefix, i);
    snprintf(after, sizeof(after), "%s.new", path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0) die(path);
    if (write(fd, "x", 1) != 1) die("write");
    close(fd);
    if (rename(path, after)) die("rename");
    if (unlink(after)) die("unlink");
    if (pause == 0) continue;
    next.tv_nsec += pause;
    next.tv_sec += next.tv_nsec / 1000000000L;
    next.tv_nsec %= 1000000000L;
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
  }
}

int main(int argc, char **argv) {
  if (argc != 6) return 125;
  int count = atoi(argv[3]), lanes = atoi(argv[4]), rate = atoi(argv[5]);
  for (int i = 0; i < lanes; i++) {
    pid_t pid = fork();
    if (pid < 0) die("fork");
    if (pid == 0) {
      lane(argv[1], argv[2], i, count, lanes, rate);
      _exit(0);
    }
  }
  int status, bad = 0;
  while (wait(&status) > 0) bad |= status;
  return bad ? 1 : 0;
}
