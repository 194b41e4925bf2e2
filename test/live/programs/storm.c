/* Starts processes as fast as it can and tells the truth about them: `storm PROGRAM PREFIX COUNT LANES PADDING`.
 *
 * Every lane is a fork of this program that starts its share of COUNT processes one after the other (vfork, execve, wait), each
 * with the argument PREFIX-NNNNNN and, when PADDING is not 0, a second one of that many letters. Afterwards one line for each
 * goes to stdout: number, pid, parent's pid. Ends with 1 when a process could not be started or did not end with 0. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct started { int pid, parent; };

static char *const no_environment[] = {NULL};

static int lane(const char *program, const char *prefix, char *padding, int first, int count, int step, struct started *all) {
  char token[256];
  char *argv[] = {(char *)program, token, padding, NULL};
  for (int i = first; i < count; i += step) {
    snprintf(token, sizeof(token), "%s-%06d", prefix, i);
    int pid = vfork();
    if (pid == 0) {
      execve(program, argv, no_environment);
      _exit(127);
    }
    int status = 1;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) return 1;
    all[i].pid = pid;
    all[i].parent = getpid();
  }
  return 0;
}

int main(int argc, char **argv) {
  if (argc != 6) return 64;
  int count = atoi(argv[3]), lanes = atoi(argv[4]);
  size_t padding_bytes = strtoul(argv[5], NULL, 10);
  char *padding = NULL;
  if (padding_bytes > 0) {
    padding = malloc(padding_bytes + 1);
    memset(padding, 'p', padding_bytes);
    padding[padding_bytes] = 0;
  }
  struct started *all =
      mmap(NULL, sizeof(*all) * (size_t)count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (all == MAP_FAILED) return 1;
  for (int i = 0; i < lanes; i++)
    if (fork() == 0) _exit(lane(argv[1], argv[2], padding, i, count, lanes, all));
  int failed = 0, status;
  while (wait(&status) > 0) failed |= status != 0;
  for (int i = 0; i < count; i++) printf("%d %d %d\n", i, all[i].pid, all[i].parent);
  return failed;
}
