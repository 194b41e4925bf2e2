/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sockets and packets as network programs see them: the contexts that the kernel hands to cgroup programs (fixed layouts,
 * include/uapi/linux/bpf.h), and the members of the kernel's own structures that are read (CO-RE, see kernel.h). */
#ifndef SIGIL_BPF_SOCKET_H
#define SIGIL_BPF_SOCKET_H
#include "kernel.h"

struct bpf_sock {
  u32 bound_dev_if, family, type, protocol, mark, priority;
  u32 src_ip4;     /* network byte order, as all addresses here */
  u32 src_ip6[4];
  u32 src_port;    /* host byte order */
  u32 dst_port;    /* network byte order in the low half */
  u32 dst_ip4;
  u32 dst_ip6[4];
  u32 state;
};

struct __sk_buff {
  u32 len, pkt_type, mark, queue_mapping;
  u32 protocol;    /* network byte order */
  u32 unused[37];
  struct bpf_sock *sk;
  u32 gso_size;
};
_Static_assert(__builtin_offsetof(struct __sk_buff, sk) == 168, "include/uapi/linux/bpf.h");

struct bpf_sock_addr {
  u32 user_family;
  u32 user_ip4;
  u32 user_ip6[4];
  u32 user_port;   /* network byte order in the low half */
  u32 family, type, protocol;
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct in6_addr { u8 s6_addr[16]; };
struct sock_common {
  u32 skc_daddr;
  u32 skc_rcv_saddr;
  u16 skc_dport; /* network byte order */
  u16 skc_num;   /* host byte order */
  u16 skc_family;
  volatile unsigned char skc_state;
  unsigned long skc_flags;
  struct in6_addr skc_v6_daddr;
  struct in6_addr skc_v6_rcv_saddr;
};
struct socket;
struct sock {
  struct sock_common __sk_common;
  u16 sk_protocol;
  u16 sk_type;
  int sk_err;
  struct socket *sk_socket;
};
struct socket { struct file *file; struct sock *sk; };
struct inet_sock { u16 inet_sport; /* network byte order */ };
struct tcp_sock { u64 bytes_sent; u64 bytes_retrans; u64 bytes_received; };
struct file___socket { struct socket *private_data; };
#pragma clang attribute pop

#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define SOCK_RAW 3
#define IPPROTO_ICMP 1
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_ICMPV6 58
#define IPPROTO_SCTP 132
#define IPPROTO_UDPLITE 136
/* include/net/tcp_states.h */
#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT 2
#define TCP_CLOSE 7
#define TCP_LISTEN 10
/* enum sock_flags, include/net/sock.h */
#define SOCK_DONE 1

#define NTOHS(value) __builtin_bswap16((u16)(value))
#endif
