/* The table of eBPF programs (programs.c). */
#ifndef SIGIL_PROGRAMS_H
#define SIGIL_PROGRAMS_H
#include "../abi.h"

enum object_id { OBJECT_PROCESS, OBJECT_FILE, OBJECT_OPERATION, OBJECT_SYSTEM, OBJECT_URING, OBJECT_CONNECTION, OBJECT_DATAGRAM, OBJECTS };

/* native/bpf/NAME.bpf.c, embedded by the build. */
struct object_source {
  const char *name;
  const unsigned char *bytes;
  const unsigned int *size;
};
extern const struct object_source object_sources[OBJECTS];

struct program_row {
  u32 object;
  const char *name;    /* of the program in the object; several rows may attach one program */
  const char *at;      /* classic tracepoint, as `category/name`, when it is not the one that the program's section names */
  const char *instead; /* program that does the same on other kernels: one of the two is enough */
  /* Kinds that it delivers, ended by 0; it is attached while one of them is enabled. Runs that the kernel refused are
   * counted as the first. */
  u8 kinds[12];
  /* 1: needs more than the base tier promises, or is rarely wanted. Loaded alone, after the others, when one of its kinds is
   * enabled and `instead` did not load. */
  u8 optional;
  /* 1: not every kernel has the tracepoint (an old or a new system call, another machine); that is no failure. */
  u8 some;
  /* 1: runs that the kernel refused because the program was running on that CPU are no loss: another row does the same, or
   * what interrupts it has nothing to tell. */
  u8 covered;
};
#define PROGRAMS_MAX 192 /* rows: every program of every family, and the same again */
extern const struct program_row program_rows[];
extern const u32 program_count;
#endif
