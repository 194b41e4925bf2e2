/* Loads programs on a thread of its own while whoever asked does something else: compiling rules takes as long as loading what they
 * need. Nothing is attached here; whatever else is asked of the kernel's side waits for this thread first. */
#include "kernel-side.h"
#include <signal.h>
#include <string.h>

static void *load(void *argument) {
  struct shim *s = argument;
  struct loader *l = &s->side->loader;
  for (;;) {
    u8 kinds[SIGIL_KIND_MAX];
    pthread_mutex_lock(&l->lock);
    int more = l->more;
    if (more) memcpy(kinds, l->kinds, sizeof(kinds));
    else l->is_done = 1;
    l->more = 0;
    pthread_mutex_unlock(&l->lock);
    if (!more) return NULL;
    kernel_load(s, kinds);
  }
}

int kernel_load_ahead(struct shim *s, const u8 *kinds) {
  struct kernel_side *k = s->side;
  if (!k) return -EPERM;
  struct loader *l = &k->loader;
  pthread_mutex_lock(&l->lock);
  for (u32 kind = 0; kind < SIGIL_KIND_MAX; kind++) l->kinds[kind] |= kinds[kind];
  l->more = 1;
  int runs = l->is_started && !l->is_done;
  pthread_mutex_unlock(&l->lock);
  if (runs) return 0;
  await_loader(k);
  l->is_done = 0;
  /* Signals are for JavaScript's threads. */
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int e = pthread_create(&l->thread, NULL, load, s);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  l->is_started = e == 0;
  return -e;
}

void await_loader(struct kernel_side *k) {
  struct loader *l = &k->loader;
  if (l->is_started) pthread_join(l->thread, NULL);
  l->is_started = 0;
}
