/* Activities on files: kinds 16-31, section types 16-31. Included by ../abi.h. */

enum sigil_file_kind {
  SIGIL_KIND_FILE_CREATE = 16,   /* open(2) made a file */
  SIGIL_KIND_FILE_WRITE = 17,    /* a file that was there was opened for writing */
  SIGIL_KIND_FILE_CLOSE = 18,    /* a descriptor that was open for writing was closed */
  SIGIL_KIND_FILE_DELETE = 19,   /* unlink, rmdir */
  SIGIL_KIND_FILE_RENAME = 20,   /* path: the new name; other: the old one */
  SIGIL_KIND_FILE_LINK = 21,     /* path: the new name; other: the old one */
  SIGIL_KIND_FILE_SYMLINK = 22,  /* path: the link; other: what it says */
  SIGIL_KIND_FILE_MKDIR = 23,
  SIGIL_KIND_FILE_MKNOD = 24,
  SIGIL_KIND_FILE_CHMOD = 25,
  SIGIL_KIND_FILE_CHOWN = 26,
  SIGIL_KIND_FILE_SETXATTR = 27, /* set or removed; other: name of the attribute */
  SIGIL_KIND_FILE_TRUNCATE = 28,
  SIGIL_KIND_FILE_UTIMES = 29,
  SIGIL_KIND_FILE_ACCESS = 30    /* a file of the list of sensitive ones was opened for reading, or somebody tried */
};

enum sigil_file_section {
  SIGIL_SECTION_FILE_PATH = 16,  /* absolute path, or the name as it was passed when DIR is there */
  SIGIL_SECTION_FILE_DIR = 17,   /* directory that a relative path starts from */
  SIGIL_SECTION_FILE_OTHER = 18, /* the second name of kinds that have one */
  SIGIL_SECTION_FILE_OTHER_DIR = 19
};

enum sigil_file_flag {
  SIGIL_FILE_RESOLVED = 1,   /* no link and no `..` in the path: the kernel's own, or looked up a moment later by the shim */
  SIGIL_FILE_DELETED = 2,    /* no name leads to the file any more */
  SIGIL_FILE_REMOVED = 4,    /* SETXATTR: the attribute was removed */
  SIGIL_FILE_EXCHANGED = 8,  /* RENAME_EXCHANGE: both names are still there */
  SIGIL_FILE_DIRECTORY = 16, /* DELETE: rmdir */
  SIGIL_FILE_FOLLOWS = 256   /* the call follows a link that the path ends in */
};

/* Fixed part of all file kinds, behind the actor. What is not known is 0. */
struct sigil_file {
  u64 inode;
  u64 size;
  u64 root_inode; /* of the process's root directory, where a name was passed */
  u32 major;
  u32 minor;
  u32 mode;       /* S_IFMT and permission bits */
  u32 uid;
  u32 gid;
  u32 links;
  u32 open_flags; /* of open(2) */
  s32 result;     /* 0, or the negative errno of a try that failed (ACCESS) */
  u32 value;      /* CHMOD: the mode asked for; CHOWN: uid; MKDIR, MKNOD: mode; TRUNCATE: the length, cut to 32 bits */
  u32 value2;     /* CHOWN: gid; MKNOD: device */
  u32 flags;      /* enum sigil_file_flag */
  u32 root_dev;   /* the kernel's own number of its device: major << 20 | minor */
};
