/* What a test puts in the place of a program that must not really run: does nothing and ends with 0. Static, so that it runs in
 * any root. Told so by its environment, it does one more thing first:
 *   STAND_IN_ROOT=DIR    makes DIR the root
 *   STAND_IN_FOLDER=DIR  makes DIR the working directory
 *   STAND_IN_NEXT=IMAGE\x1fARGV0\x1fARG...  becomes IMAGE, or with STAND_IN_FORK starts it as a child and waits for it
 * Each is taken out of the environment by whoever obeys it; STAND_IN_THEN becomes the next one's STAND_IN_NEXT, and a child's. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static char *taken(const char *name) {
  char *value = getenv(name);
  value = value ? strdup(value) : NULL;
  unsetenv(name);
  return value;
}

static void fail(const char *what) {
  perror(what);
  exit(125);
}

int main(void) {
  char *args[4096];
  int count = 0;
  char *root = taken("STAND_IN_ROOT");
  char *folder = taken("STAND_IN_FOLDER");
  char *next = taken("STAND_IN_NEXT");
  char *then = taken("STAND_IN_THEN");
  int forks = taken("STAND_IN_FORK") != NULL;
  if (root && (chroot(root) || chdir("/"))) fail(root);
  if (folder && chdir(folder)) fail(folder);
  if (!next) return 0;
  if (then) {
    setenv("STAND_IN_NEXT", then, 1);
    setenv("STAND_IN_FORK", "1", 1);
  }
  for (char *at = next; at && count < 4095; count++) args[count] = strsep(&at, "\x1f");
  args[count] = NULL;
  if (count < 2) fail("no program");
  if (forks) {
    int status = 0;
    pid_t child = fork();
    if (child < 0) fail("fork");
    if (child > 0) {
      if (waitpid(child, &status, 0) != child) fail("waitpid");
      return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
    }
  }
  execve(args[0], args + 1, environ);
  fail(args[0]);
}
