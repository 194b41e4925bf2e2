/* Makes and deletes a file by the 32-bit system calls: `compat FOLDER NAME`. Built for i386 and without a C library, of which a
 * 64-bit machine has none (gcc -m32 -nostdlib). */
static long call3(long number, long a, long b, long c) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "0"(number), "b"(a), "c"(b), "d"(c) : "memory");
  return result;
}

static int work(char **argv) {
  long fd;
  if (call3(12, (long)argv[1], 0, 0)) return 1;                            /* chdir */
  if ((fd = call3(5, (long)argv[2], 0101, 0600)) < 0) return 2;            /* open, O_WRONLY | O_CREAT */
  call3(6, fd, 0, 0);                                                      /* close */
  if (call3(15, (long)argv[2], 0640, 0)) return 3;                         /* chmod */
  if (call3(10, (long)argv[2], 0, 0)) return 4;                            /* unlink */
  return 0;
}

__attribute__((used)) static void start(long *stack) { call3(1, work((char **)(stack + 1)), 0, 0); }
__asm__(".globl _start\n_start: mov %esp, %eax\n push %eax\n call start\n");
