/* SPDX-License-Identifier: Apache-2.0
 *
 * Put in front of every C file of the shim and of the libraries linked into it (gcc -include), so that the result loads
 * on glibc 2.26 and later although it is built on a newer one. glibc 2.34 moved libpthread, librt and libdl into libc
 * and gave their symbols a new version; the old versions are still there, and this binds to them. On glibc before 2.34
 * they are found in libpthread.so.0, librt.so.1 and libdl.so.2, which the bun executable has loaded. What has no older version is
 * replaced in compat.c. On arm64 the oldest version of all is 2.17.
 *
 * A name that an object does not use leaves no trace in it. test/build/shim.test.ts checks the result. */
#ifndef SIGIL_GLIBC_FLOOR_H
#define SIGIL_GLIBC_FLOOR_H
#if defined(__linux__) && !defined(__ASSEMBLER__)

#if defined(__x86_64__)
#define SIGIL_FLOOR_BASE "GLIBC_2.2.5"
#define SIGIL_FLOOR_2_3 "GLIBC_2.3.3"
#define SIGIL_FLOOR_2_3_2 "GLIBC_2.3.2"
#define SIGIL_FLOOR_2_3_4 "GLIBC_2.3.4"
#define SIGIL_FLOOR_2_12 "GLIBC_2.12"
#elif defined(__aarch64__)
#define SIGIL_FLOOR_BASE "GLIBC_2.17"
#define SIGIL_FLOOR_2_3 "GLIBC_2.17"
#define SIGIL_FLOOR_2_3_2 "GLIBC_2.17"
#define SIGIL_FLOOR_2_3_4 "GLIBC_2.17"
#define SIGIL_FLOOR_2_12 "GLIBC_2.17"
#endif

#ifdef SIGIL_FLOOR_BASE
#define SIGIL_FLOOR(symbol, version) __asm__(".symver " #symbol "," #symbol "@" version)

SIGIL_FLOOR(pthread_create, SIGIL_FLOOR_BASE);
SIGIL_FLOOR(pthread_join, SIGIL_FLOOR_BASE);
SIGIL_FLOOR(pthread_detach, SIGIL_FLOOR_BASE);
SIGIL_FLOOR(pthread_kill, SIGIL_FLOOR_BASE);
SIGIL_FLOOR(pthread_once, SIGIL_FLOOR_BASE);
SIGIL_FLOOR(pthread_key_create, SIGIL_FLOOR_BASE);
SIGIL_FLOOR(pthread_key_delete, SIGIL_FLOOR_BASE);
SIGIL_FLOOR(pthread_getspecific, SIGIL_FLOOR_BASE);
SIGIL_FLOOR(pthread_setspecific, SIGIL_FLOOR_BASE);
SIGIL_FLOOR(pthread_mutex_trylock, SIGIL_FLOOR_BASE);
SIGIL_FLOOR(pthread_mutexattr_init, SIGIL_FLOOR_BASE);
SIGIL_FLOOR(pthread_mutexattr_destroy, SIGIL_FLOOR_BASE);
SIGIL_FLOOR(pthread_mutexattr_settype, SIGIL_FLOOR_BASE);
SIGIL_FLOOR(pthread_attr_setstacksize, SIGIL_FLOOR_BASE);
SIGIL_FLOOR(pthread_attr_setguardsize, SIGIL_FLOOR_BASE);
SIGIL_FLOOR(pthread_rwlock_rdlock, SIGIL_FLOOR_BASE);
SIGIL_FLOOR(pthread_rwlock_wrlock, SIGIL_FLOOR_BASE);
SIGIL_FLOOR(pthread_rwlock_unlock, SIGIL_FLOOR_BASE);
SIGIL_FLOOR(pthread_setaffinity_np, SIGIL_FLOOR_2_3_4);
SIGIL_FLOOR(pthread_condattr_setclock, SIGIL_FLOOR_2_3);
SIGIL_FLOOR(pthread_setname_np, SIGIL_FLOOR_2_12);
SIGIL_FLOOR(pthread_sigmask, SIGIL_FLOOR_BASE);
SIGIL_FLOOR(sem_init, SIGIL_FLOOR_BASE);
SIGIL_FLOOR(sem_destroy, SIGIL_FLOOR_BASE);
SIGIL_FLOOR(sem_post, SIGIL_FLOOR_BASE);
SIGIL_FLOOR(sem_wait, SIGIL_FLOOR_BASE);
SIGIL_FLOOR(sem_timedwait, SIGIL_FLOOR_BASE);
SIGIL_FLOOR(dlopen, SIGIL_FLOOR_BASE);
SIGIL_FLOOR(dlsym, SIGIL_FLOOR_BASE);
SIGIL_FLOOR(dlclose, SIGIL_FLOOR_BASE);

#undef SIGIL_FLOOR
#endif
#endif
#endif
