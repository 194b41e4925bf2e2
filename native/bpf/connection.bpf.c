/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* TCP connections, from the state changes of their sockets. A soft interrupt says nothing about who acts: whoever connects or
 * accepts is put down while he does, and looked up later. See docs/design/network.md.
 * Base tier: helpers and program types of kernel 5.8. */
#include "network.h"

#define EINPROGRESS 115
#define ECONNABORTED 103

/* TCP connections between their beginning and their end, by the address of their struct sock. Both are state changes, so no entry
 * outlives its socket. 32,768 connections at once; beyond, a connection is told when it begins, and its end is not. */
enum { CONNECTION_PENDING = 1, CONNECTION_INBOUND = 2 };
struct connection {
  struct owner owner;
  u64 since_ns;
  u32 flags;
  u32 reserved;
};
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 32768);
  __type(key, u64);
  __type(value, struct connection);
} tcp_connections SEC(".maps");

/* Both ends of a TCP socket. `inbound`: the other side began. */
INLINE void put_ends(struct sigil_network *n, struct sock *sk, bool inbound) {
  u8 *here = inbound ? n->destination : n->source, *there = inbound ? n->source : n->destination;
  u16 near = BPF_CORE_READ(sk, __sk_common.skc_num), far = NTOHS(BPF_CORE_READ(sk, __sk_common.skc_dport));
  /* A socket that closes has given back its port, and still knows it. */
  if (!near) near = NTOHS(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
  if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET6) {
    BPF_CORE_READ_INTO((struct in6_addr *)here, sk, __sk_common.skc_v6_rcv_saddr);
    BPF_CORE_READ_INTO((struct in6_addr *)there, sk, __sk_common.skc_v6_daddr);
  } else {
    map_v4(here, BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr));
    map_v4(there, BPF_CORE_READ(sk, __sk_common.skc_daddr));
  }
  n->source_port = inbound ? far : near;
  n->destination_port = inbound ? near : far;
  n->protocol = IPPROTO_TCP;
  n->socket = (u64)sk;
}

static __noinline int tell_connect(struct sock *sk, struct connection *k, u32 result, u32 flags) {
  if (!enabled[SIGIL_KIND_NETWORK_CONNECT] || !k) return 0;
  struct sigil_counters *c = counters_of(SIGIL_KIND_NETWORK_CONNECT);
  if (!c) return 0;
  c->seen++;
  struct activity_scratch *s = network_begin(c, SIGIL_KIND_NETWORK_CONNECT, 0, &k->owner);
  if (!s) return 0;
  struct sigil_network *n = FIXED(s);
  put_ends(n, sk, false);
  n->duration_ns = bpf_ktime_get_boot_ns() - k->since_ns;
  n->result = result;
  n->flags = flags;
  network_end(s, c);
  return 0;
}

static __noinline int tell_close(struct sock *sk, struct connection *k) {
  if (!enabled[SIGIL_KIND_NETWORK_CLOSE] || !k) return 0;
  struct sigil_counters *c = counters_of(SIGIL_KIND_NETWORK_CLOSE);
  if (!c) return 0;
  c->seen++;
  struct activity_scratch *s = network_begin(c, SIGIL_KIND_NETWORK_CLOSE, 0, &k->owner);
  if (!s) return 0;
  struct sigil_network *n = FIXED(s);
  bool inbound = k->flags & CONNECTION_INBOUND;
  put_ends(n, sk, inbound);
  n->flags = inbound ? SIGIL_NETWORK_INBOUND : 0;
  n->duration_ns = bpf_ktime_get_boot_ns() - k->since_ns;
  struct tcp_sock *tcp = (void *)sk;
  n->bytes_sent = BPF_CORE_READ(tcp, bytes_sent) - BPF_CORE_READ(tcp, bytes_retrans);
  /* The other side's FIN counts as a byte. */
  u64 fin = BPF_CORE_READ(sk, __sk_common.skc_flags) >> SOCK_DONE & 1, received = BPF_CORE_READ(tcp, bytes_received);
  n->bytes_received = received ? received - fin : 0;
  network_end(s, c);
  return 0;
}

static __noinline int tell_listen(struct sock *sk) {
  if (!enabled[SIGIL_KIND_NETWORK_LISTEN]) return 0;
  struct sigil_counters *c = counters_of(SIGIL_KIND_NETWORK_LISTEN);
  if (!c) return 0;
  c->seen++;
  struct owner o = {};
  owner_fill(&o);
  struct activity_scratch *s = network_begin(c, SIGIL_KIND_NETWORK_LISTEN, 0, &o);
  if (!s) return 0;
  put_ends(FIXED(s), sk, false);
  activity_end(s, c);
  return 0;
}

/* A connection begins in the call of whoever wants it (also through io_uring, and as TCP Fast Open); the rest of its life
 * mostly happens in soft interrupts. The kernel does not run a program on top of itself, and a soft interrupt can come while one
 * runs for a call on the same CPU: so what belongs to calls has a program of its own, which a soft interrupt never needs, and the
 * rest has two that do the same. Whichever comes first does it, and the other finds nothing to do. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(network_tcp_begin, struct sock *sk, int before, int after) {
  if ((after != TCP_SYN_SENT && after != TCP_LISTEN) || BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP) return 0;
  if (after == TCP_LISTEN) return tell_listen(sk);
  u64 key = (u64)sk;
  struct connection k = {.since_ns = bpf_ktime_get_boot_ns(), .flags = CONNECTION_PENDING};
  owner_fill(&k.owner);
  u64 thread = bpf_get_current_pid_tgid();
  bpf_map_delete_elem(&connect_attempts, &thread);
  if (bpf_map_update_elem(&tcp_connections, &key, &k, BPF_ANY)) tell_connect(sk, &k, 0, SIGIL_NETWORK_UNDECIDED);
  return 0;
}

INLINE int tcp_goes_on(struct sock *sk, int before, int after) {
  if (after != TCP_ESTABLISHED && after != TCP_CLOSE) return 0;
  u64 key = (u64)sk;
  struct connection *k = bpf_map_lookup_elem(&tcp_connections, &key);
  if (!k) return 0;
  bool pending = k->flags & CONNECTION_PENDING;
  if (after == TCP_ESTABLISHED) {
    if (pending) {
      k->flags &= ~CONNECTION_PENDING;
      tell_connect(sk, k, 0, 0);
      k->since_ns = bpf_ktime_get_boot_ns();
    }
    return 0;
  }
  if (pending) {
    /* Closed by its own process before anybody answered: no error was noted. */
    u32 error = BPF_CORE_READ(sk, sk_err);
    tell_connect(sk, k, error ? error : ECONNABORTED, 0);
  } else if (before != TCP_SYN_SENT) {
    tell_close(sk, k);
  }
  bpf_map_delete_elem(&tcp_connections, &key);
  return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(network_tcp_state, struct sock *sk, int before, int after) { return tcp_goes_on(sk, before, after); }

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(network_tcp_state_again, struct sock *sk, int before, int after) { return tcp_goes_on(sk, before, after); }

/* Nobody answered the first packet within a second: told now, and not in two minutes when the kernel gives up. */
SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(network_tcp_retransmit, struct sock *sk) {
  if (BPF_CORE_READ(sk, __sk_common.skc_state) != TCP_SYN_SENT) return 0;
  u64 key = (u64)sk;
  struct connection *k = bpf_map_lookup_elem(&tcp_connections, &key);
  if (!k || !(k->flags & CONNECTION_PENDING)) return 0;
  k->flags &= ~CONNECTION_PENDING;
  tell_connect(sk, k, 0, SIGIL_NETWORK_UNDECIDED);
  return 0;
}

struct exit_context {
  u64 common;
  long nr;
  long ret;
};

INLINE struct sock *socket_of(struct task_struct *task, u32 fd) {
  struct fdtable *fdt = BPF_CORE_READ(task, files, fdt);
  struct file **table = BPF_CORE_READ(fdt, fd);
  struct file *file = NULL;
  if (fd >= BPF_CORE_READ(fdt, max_fds)) return NULL;
  bpf_probe_read_kernel(&file, sizeof(file), &table[fd]);
  if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & 0170000) != 0140000) return NULL;
  struct socket *socket = BPF_CORE_READ((struct file___socket *)file, private_data);
  return BPF_CORE_READ(socket, sk);
}

INLINE int accepted(long fd) {
  if (fd < 0 || !(enabled[SIGIL_KIND_NETWORK_ACCEPT] || enabled[SIGIL_KIND_NETWORK_CLOSE])) return 0;
  struct sock *sk = socket_of(current_task(), fd);
  u32 family = BPF_CORE_READ(sk, __sk_common.skc_family);
  if ((family != AF_INET && family != AF_INET6) || BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP) return 0;
  u64 key = (u64)sk;
  struct connection k = {.since_ns = bpf_ktime_get_boot_ns(), .flags = CONNECTION_INBOUND};
  owner_fill(&k.owner);
  long full = 0;
  if (enabled[SIGIL_KIND_NETWORK_CLOSE]) {
    full = bpf_map_update_elem(&tcp_connections, &key, &k, BPF_ANY);
    /* It may have ended while it was taken: its last state change is over, and nothing would remove the entry. */
    if (BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_CLOSE) bpf_map_delete_elem(&tcp_connections, &key);
  }
  struct sigil_counters *c = counters_of(SIGIL_KIND_NETWORK_ACCEPT);
  if (!c || !enabled[SIGIL_KIND_NETWORK_ACCEPT]) return 0;
  c->seen++;
  struct activity_scratch *s = network_begin(c, SIGIL_KIND_NETWORK_ACCEPT, 0, &k.owner);
  if (!s) return 0;
  struct sigil_network *n = FIXED(s);
  put_ends(n, sk, true);
  if (full) n->flags = SIGIL_NETWORK_UNDECIDED;
  network_end(s, c);
  return 0;
}

SEC("tracepoint/syscalls/sys_exit_accept")
int network_accept(struct exit_context *ctx) { return accepted(ctx->ret); }

SEC("tracepoint/syscalls/sys_exit_accept4")
int network_accept4(struct exit_context *ctx) { return accepted(ctx->ret); }

/* No route, no address, or a firewall that says so: connect() fails before the socket changes its state. */
SEC("tracepoint/syscalls/sys_exit_connect")
int network_connect_failed(struct exit_context *ctx) {
  if (ctx->ret >= 0 || ctx->ret == -EINPROGRESS) return 0;
  u64 thread = bpf_get_current_pid_tgid();
  struct attempt *at = bpf_map_lookup_elem(&connect_attempts, &thread);
  if (!at) return 0;
  struct sigil_counters *c = counters_of(SIGIL_KIND_NETWORK_CONNECT);
  if (c && enabled[SIGIL_KIND_NETWORK_CONNECT]) {
    c->seen++;
    struct owner o = {};
    owner_fill(&o);
    struct activity_scratch *s = network_begin(c, SIGIL_KIND_NETWORK_CONNECT, 0, &o);
    if (s) {
      struct sigil_network *n = FIXED(s);
      __builtin_memcpy(n->destination, at->to, 16);
      n->destination_port = at->port;
      n->protocol = IPPROTO_TCP;
      n->result = -ctx->ret;
      /* The source was not chosen yet: none, of the same family. */
      if (n->destination[10] == 0xff && n->destination[11] == 0xff) map_v4(n->source, 0);
      network_end(s, c);
    }
  }
  bpf_map_delete_elem(&connect_attempts, &thread);
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
