/* Makes one system call, named by its argument, and ends with 0 whatever came of it: what tests start when the call itself
 * matters. None of them changes anything: the kernel's log is only cleared by somebody who may, and this is run as nobody. */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <unistd.h>

int main(int argc, char **argv) {
  const char *call = argc > 1 ? argv[1] : "";
  if (!strcmp(call, "sysinfo")) {
    struct sysinfo info;
    return sysinfo(&info) != 0;
  }
  if (!strcmp(call, "syslog")) {
    if (setuid(65534) != 0) return 1;
    (void)klogctl(5, NULL, 0);
    return 0;
  }
  if (!strcmp(call, "socket")) {
    int fd = socket(38 /* AF_ALG */, SOCK_SEQPACKET, 0);
    if (fd >= 0) close(fd);
    return 0;
  }
  if (!strcmp(call, "personality")) return personality(ADDR_NO_RANDOMIZE) == -1;
  if (!strcmp(call, "memfd_create")) return memfd_create("sigil-test", 0) < 0;
  if (!strcmp(call, "connect") && argc > 2) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2]))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0;
  }
  return 2;
}
