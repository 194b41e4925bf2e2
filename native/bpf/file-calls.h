/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which argument of a system call is what: for the calls that name files by path, and for those that change one by descriptor.
 * Numbers: arch/x86/entry/syscalls/syscall_{64,32}.tbl, include/uapi/asm-generic/unistd.h. */
#ifndef SIGIL_BPF_FILE_CALLS_H
#define SIGIL_BPF_FILE_CALLS_H
#include "../abi.h"

/* Arguments are counted from 1; 0 means that the call has none. */
struct file_call {
  u8 kind;
  u8 dir;       /* descriptor of the directory that `path` starts from; none: the working directory */
  u8 path;
  u8 other_dir;
  u8 other;     /* the second name: the old one of a rename or link, what a link says, the name of an attribute */
  u8 fd;        /* the file itself */
  u8 value, value2;
  u8 flags;     /* of renameat2, unlinkat, and those that take AT_SYMLINK_NOFOLLOW */
  u16 set;      /* enum sigil_file_flag that the call implies */
};

#define CALLS 512
#define K(kind_, ...) {.kind = SIGIL_KIND_FILE_##kind_, __VA_ARGS__}

#ifdef __TARGET_ARCH_x86
static const struct file_call native_calls[CALLS] = {
  [76] = K(TRUNCATE, .path = 1, .value = 2, .set = SIGIL_FILE_FOLLOWS),
  [77] = K(TRUNCATE, .fd = 1, .value = 2),
  [82] = K(RENAME, .other = 1, .path = 2),
  [83] = K(MKDIR, .path = 1, .value = 2),
  [84] = K(DELETE, .path = 1, .set = SIGIL_FILE_DIRECTORY),
  [86] = K(LINK, .other = 1, .path = 2),
  [87] = K(DELETE, .path = 1),
  [88] = K(SYMLINK, .other = 1, .path = 2),
  [90] = K(CHMOD, .path = 1, .value = 2, .set = SIGIL_FILE_FOLLOWS),
  [91] = K(CHMOD, .fd = 1, .value = 2),
  [92] = K(CHOWN, .path = 1, .value = 2, .value2 = 3, .set = SIGIL_FILE_FOLLOWS),
  [93] = K(CHOWN, .fd = 1, .value = 2, .value2 = 3),
  [94] = K(CHOWN, .path = 1, .value = 2, .value2 = 3),
  [132] = K(UTIMES, .path = 1, .set = SIGIL_FILE_FOLLOWS),
  [133] = K(MKNOD, .path = 1, .value = 2, .value2 = 3),
  [188] = K(SETXATTR, .path = 1, .other = 2, .set = SIGIL_FILE_FOLLOWS),
  [189] = K(SETXATTR, .path = 1, .other = 2),
  [190] = K(SETXATTR, .fd = 1, .other = 2),
  [197] = K(SETXATTR, .path = 1, .other = 2, .set = SIGIL_FILE_REMOVED | SIGIL_FILE_FOLLOWS),
  [198] = K(SETXATTR, .path = 1, .other = 2, .set = SIGIL_FILE_REMOVED),
  [199] = K(SETXATTR, .fd = 1, .other = 2, .set = SIGIL_FILE_REMOVED),
  [235] = K(UTIMES, .path = 1, .set = SIGIL_FILE_FOLLOWS),
  [258] = K(MKDIR, .dir = 1, .path = 2, .value = 3),
  [259] = K(MKNOD, .dir = 1, .path = 2, .value = 3, .value2 = 4),
  [260] = K(CHOWN, .dir = 1, .path = 2, .value = 3, .value2 = 4, .set = SIGIL_FILE_FOLLOWS, .flags = 5),
  [261] = K(UTIMES, .dir = 1, .path = 2, .set = SIGIL_FILE_FOLLOWS),
  [263] = K(DELETE, .dir = 1, .path = 2, .flags = 3),
  [264] = K(RENAME, .other_dir = 1, .other = 2, .dir = 3, .path = 4),
  [265] = K(LINK, .other_dir = 1, .other = 2, .dir = 3, .path = 4),
  [266] = K(SYMLINK, .other = 1, .dir = 2, .path = 3),
  [268] = K(CHMOD, .dir = 1, .path = 2, .value = 3, .set = SIGIL_FILE_FOLLOWS),
  [280] = K(UTIMES, .dir = 1, .path = 2, .set = SIGIL_FILE_FOLLOWS, .flags = 4),
  [316] = K(RENAME, .other_dir = 1, .other = 2, .dir = 3, .path = 4, .flags = 5),
  [452] = K(CHMOD, .dir = 1, .path = 2, .value = 3, .set = SIGIL_FILE_FOLLOWS, .flags = 4),
  [463] = K(SETXATTR, .dir = 1, .path = 2, .other = 4, .set = SIGIL_FILE_FOLLOWS, .flags = 3),
  [466] = K(SETXATTR, .dir = 1, .path = 2, .other = 4, .set = SIGIL_FILE_REMOVED | SIGIL_FILE_FOLLOWS, .flags = 3),
};
/* By int 0x80 or sysenter. */
static const struct file_call compat_calls[CALLS] = {
  [9] = K(LINK, .other = 1, .path = 2),
  [10] = K(DELETE, .path = 1),
  [14] = K(MKNOD, .path = 1, .value = 2, .value2 = 3),
  [15] = K(CHMOD, .path = 1, .value = 2, .set = SIGIL_FILE_FOLLOWS),
  [16] = K(CHOWN, .path = 1, .value = 2, .value2 = 3),
  [30] = K(UTIMES, .path = 1, .set = SIGIL_FILE_FOLLOWS),
  [38] = K(RENAME, .other = 1, .path = 2),
  [39] = K(MKDIR, .path = 1, .value = 2),
  [40] = K(DELETE, .path = 1, .set = SIGIL_FILE_DIRECTORY),
  [83] = K(SYMLINK, .other = 1, .path = 2),
  [92] = K(TRUNCATE, .path = 1, .value = 2, .set = SIGIL_FILE_FOLLOWS),
  [93] = K(TRUNCATE, .fd = 1, .value = 2),
  [94] = K(CHMOD, .fd = 1, .value = 2),
  [95] = K(CHOWN, .fd = 1, .value = 2, .value2 = 3),
  [182] = K(CHOWN, .path = 1, .value = 2, .value2 = 3, .set = SIGIL_FILE_FOLLOWS),
  [193] = K(TRUNCATE, .path = 1, .value = 2, .set = SIGIL_FILE_FOLLOWS),
  [194] = K(TRUNCATE, .fd = 1, .value = 2),
  [198] = K(CHOWN, .path = 1, .value = 2, .value2 = 3),
  [207] = K(CHOWN, .fd = 1, .value = 2, .value2 = 3),
  [212] = K(CHOWN, .path = 1, .value = 2, .value2 = 3, .set = SIGIL_FILE_FOLLOWS),
  [226] = K(SETXATTR, .path = 1, .other = 2, .set = SIGIL_FILE_FOLLOWS),
  [227] = K(SETXATTR, .path = 1, .other = 2),
  [228] = K(SETXATTR, .fd = 1, .other = 2),
  [235] = K(SETXATTR, .path = 1, .other = 2, .set = SIGIL_FILE_REMOVED | SIGIL_FILE_FOLLOWS),
  [236] = K(SETXATTR, .path = 1, .other = 2, .set = SIGIL_FILE_REMOVED),
  [237] = K(SETXATTR, .fd = 1, .other = 2, .set = SIGIL_FILE_REMOVED),
  [271] = K(UTIMES, .path = 1, .set = SIGIL_FILE_FOLLOWS),
  [296] = K(MKDIR, .dir = 1, .path = 2, .value = 3),
  [297] = K(MKNOD, .dir = 1, .path = 2, .value = 3, .value2 = 4),
  [298] = K(CHOWN, .dir = 1, .path = 2, .value = 3, .value2 = 4, .set = SIGIL_FILE_FOLLOWS, .flags = 5),
  [299] = K(UTIMES, .dir = 1, .path = 2, .set = SIGIL_FILE_FOLLOWS),
  [301] = K(DELETE, .dir = 1, .path = 2, .flags = 3),
  [302] = K(RENAME, .other_dir = 1, .other = 2, .dir = 3, .path = 4),
  [303] = K(LINK, .other_dir = 1, .other = 2, .dir = 3, .path = 4),
  [304] = K(SYMLINK, .other = 1, .dir = 2, .path = 3),
  [306] = K(CHMOD, .dir = 1, .path = 2, .value = 3, .set = SIGIL_FILE_FOLLOWS),
  [320] = K(UTIMES, .dir = 1, .path = 2, .set = SIGIL_FILE_FOLLOWS, .flags = 4),
  [353] = K(RENAME, .other_dir = 1, .other = 2, .dir = 3, .path = 4, .flags = 5),
  [412] = K(UTIMES, .dir = 1, .path = 2, .set = SIGIL_FILE_FOLLOWS, .flags = 4),
  [452] = K(CHMOD, .dir = 1, .path = 2, .value = 3, .set = SIGIL_FILE_FOLLOWS, .flags = 4),
};
#else
static const struct file_call native_calls[CALLS] = {
  [5] = K(SETXATTR, .path = 1, .other = 2, .set = SIGIL_FILE_FOLLOWS),
  [6] = K(SETXATTR, .path = 1, .other = 2),
  [7] = K(SETXATTR, .fd = 1, .other = 2),
  [14] = K(SETXATTR, .path = 1, .other = 2, .set = SIGIL_FILE_REMOVED | SIGIL_FILE_FOLLOWS),
  [15] = K(SETXATTR, .path = 1, .other = 2, .set = SIGIL_FILE_REMOVED),
  [16] = K(SETXATTR, .fd = 1, .other = 2, .set = SIGIL_FILE_REMOVED),
  [33] = K(MKNOD, .dir = 1, .path = 2, .value = 3, .value2 = 4),
  [34] = K(MKDIR, .dir = 1, .path = 2, .value = 3),
  [35] = K(DELETE, .dir = 1, .path = 2, .flags = 3),
  [36] = K(SYMLINK, .other = 1, .dir = 2, .path = 3),
  [37] = K(LINK, .other_dir = 1, .other = 2, .dir = 3, .path = 4),
  [38] = K(RENAME, .other_dir = 1, .other = 2, .dir = 3, .path = 4),
  [45] = K(TRUNCATE, .path = 1, .value = 2, .set = SIGIL_FILE_FOLLOWS),
  [46] = K(TRUNCATE, .fd = 1, .value = 2),
  [52] = K(CHMOD, .fd = 1, .value = 2),
  [53] = K(CHMOD, .dir = 1, .path = 2, .value = 3, .set = SIGIL_FILE_FOLLOWS),
  [54] = K(CHOWN, .dir = 1, .path = 2, .value = 3, .value2 = 4, .set = SIGIL_FILE_FOLLOWS, .flags = 5),
  [55] = K(CHOWN, .fd = 1, .value = 2, .value2 = 3),
  [88] = K(UTIMES, .dir = 1, .path = 2, .set = SIGIL_FILE_FOLLOWS, .flags = 4),
  [276] = K(RENAME, .other_dir = 1, .other = 2, .dir = 3, .path = 4, .flags = 5),
  [452] = K(CHMOD, .dir = 1, .path = 2, .value = 3, .set = SIGIL_FILE_FOLLOWS, .flags = 4),
  [463] = K(SETXATTR, .dir = 1, .path = 2, .other = 4, .set = SIGIL_FILE_FOLLOWS, .flags = 3),
  [466] = K(SETXATTR, .dir = 1, .path = 2, .other = 4, .set = SIGIL_FILE_REMOVED | SIGIL_FILE_FOLLOWS, .flags = 3),
};
#endif
#endif
