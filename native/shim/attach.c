/* Attaching programs to where their sections say, and taking them off again without anybody waiting for the kernel. */
#include "kernel-side.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

void attach(struct kernel_side *k, u32 i, int *tracefs) {
  struct probe *p = &k->probe[i];
  const char *section = bpf_program__section_name(k->program[i]);
  last_words[0] = 0;
  p->error = 0;
  p->message[0] = 0;
  if (!strncmp(section, "tracepoint/", 11)) {
    if (*tracefs == -1) *tracefs = tracefs_open();
    k->link[i] = tracepoint_attach(k->program[i], *tracefs, program_rows[i].at ? program_rows[i].at : section + 11);
    if (!k->link[i] && errno == ENOENT && *tracefs >= 0 && program_rows[i].some) return;
  } else if (!strncmp(section, "cgroup", 6)) k->link[i] = cgroup_attach(k->program[i]);
  else {
    k->link[i] = bpf_program__attach(k->program[i]);
    if (!k->link[i] && errno == ENOENT && program_rows[i].some) return;
  }
  p->attached = k->link[i] != NULL;
  if (!p->attached) {
    p->error = errno;
    snprintf(p->message, sizeof(p->message), "%s", last_words);
  }
}

void await_closers(struct kernel_side *k) {
  while (k->closers > 0) pthread_join(k->closer[--k->closers], NULL);
}

static void *close_some(void *argument) {
  struct closing *c = argument;
  for (u32 i = c->first; i < PROGRAMS_MAX; i += CLOSERS)
    if (c->k->leaving[i]) bpf_link__destroy(c->k->leaving[i]);
  return NULL;
}

void detach(struct kernel_side *k, const u8 *which) {
  await_closers(k);
  for (u32 i = 0; i < PROGRAMS_MAX; i++) {
    k->leaving[i] = i < program_count && which[i] ? k->link[i] : NULL;
    if (k->leaving[i]) k->link[i] = NULL;
  }
  /* Signals are for JavaScript's threads. */
  sigset_t every, before;
  sigfillset(&every);
  pthread_sigmask(SIG_SETMASK, &every, &before);
  for (u32 i = 0; i < CLOSERS; i++) {
    struct closing *c = &k->closing[i];
    *c = (struct closing){k, i};
    if (pthread_create(&k->closer[k->closers], NULL, close_some, c) == 0) k->closers++;
    else close_some(c);
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}
