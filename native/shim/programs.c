/* The table of eBPF objects and programs: what is loaded, which kinds each program delivers, and which two do the same. A new
 * family adds a row to `sources` and a block to `rows`; nothing else in the shim knows it. */
#include "programs.h"

#define OBJECT(name) \
  extern const unsigned char sigil_##name##_object[]; \
  extern const unsigned int sigil_##name##_object_size;
OBJECT(process)
OBJECT(file)

/* In the order of enum object_id. */
const struct object_source object_sources[OBJECTS] = {
  {"process", sigil_process_object, &sigil_process_object_size},
  {"file", sigil_file_object, &sigil_file_object_size},
};

/* The process family comes first; it is always on. Attached in the reverse order: the end of a process before its start,
 * because an exit whose start was not seen is harmless and the reverse leaves a ghost. */
const struct program_row program_rows[] = {
  {OBJECT_PROCESS, "process_exec", .kinds = {SIGIL_KIND_EXEC}},
  {OBJECT_PROCESS, "process_fork", .kinds = {SIGIL_KIND_FORK}},
  {OBJECT_PROCESS, "process_exit_group", .instead = "process_exit_live", .kinds = {SIGIL_KIND_EXIT}},
  {OBJECT_PROCESS, "process_exit_live", .instead = "process_exit_group", .kinds = {SIGIL_KIND_EXIT}},
  {OBJECT_PROCESS, "process_inventory", .kinds = {SIGIL_KIND_TASK}},

  /* file */
  {OBJECT_FILE, "file_openat", .kinds = {SIGIL_KIND_FILE_CREATE, SIGIL_KIND_FILE_WRITE}},
};
const u32 program_count = sizeof(program_rows) / sizeof(program_rows[0]);
_Static_assert(sizeof(program_rows) / sizeof(program_rows[0]) <= PROGRAMS_MAX, "PROGRAMS_MAX");
