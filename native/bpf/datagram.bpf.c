/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is no TCP connection: datagrams and raw packets as they leave this host's own sockets, the messages of the DNS over UDP and
 * TCP, sockets that are bound. Whoever uses a socket is put down while he does: see network.h and docs/design/network.md.
 * Base tier: helpers and program types of kernel 5.8. */
#include "network.h"

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd

/* Other sockets, and TCP ones to name servers, by cookie: no cookie is given twice, so an old entry is never wrong. Whoever is
 * pushed out is put down again with his next connect() or sendto(), and taken from the running task until then. */
struct datagram_socket {
  struct owner owner;
  u16 port;  /* that the last connect() or sendto() named: what the packet says may have been rewritten (netfilter) */
  u8 told;   /* connected, and where to was reported */
  u8 mixed;  /* sendto() named a place: being connected says nothing about where it sends */
  u8 reserved[4];
};
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 16384);
  __type(key, u64);
  __type(value, struct datagram_socket);
} datagram_sockets SEC(".maps");

/* Where each socket has sent to. Who is pushed out is reported again. */
struct sent_key {
  u64 cookie;
  u8 to[16];
  u32 port;
  u32 protocol;
};
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 16384);
  __type(key, struct sent_key);
  __type(value, u8);
} datagrams_sent SEC(".maps");

/* From where a socket that is not connected has received: what it sends there is an answer. Who is pushed out counts as asked. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 16384);
  __type(key, struct sent_key);
  __type(value, u8);
} datagrams_received SEC(".maps");

INLINE bool is_dns_port(u16 port) {
  u32 zero = 0;
  struct sigil_network_config *config = bpf_map_lookup_elem(&network_config, &zero);
  if (!config || !port) return false;
  for (int i = 0; i < 8; i++)
    if (config->dns_ports[i] == port) return true;
  return false;
}

/* Puts down who uses a socket that is not TCP, or goes to a name server. */
INLINE void datagram_owner(u64 cookie, u16 port, bool mixed) {
  struct datagram_socket *known = bpf_map_lookup_elem(&datagram_sockets, &cookie);
  /* Not bpf_get_current_pid_tgid: programs on packets have it since 6.10 only. */
  u32 pid = BPF_CORE_READ(current_task(), tgid);
  if (known && known->owner.pid == pid) {
    if (known->port != port) known->port = port;
    if (mixed) known->mixed = 1;
    else known->told = 0;
    return;
  }
  struct datagram_socket fresh = {.port = port, .mixed = mixed || (known && known->mixed)};
  owner_fill(&fresh.owner);
  bpf_map_update_elem(&datagram_sockets, &cookie, &fresh, BPF_ANY);
}

INLINE int connecting(struct bpf_sock_addr *ctx, bool v6) {
  u16 port = NTOHS(ctx->user_port);
  if (ctx->protocol == IPPROTO_TCP) {
    struct attempt a = {.port = port, .protocol = IPPROTO_TCP};
    if (v6) {
      u32 words[4] = {ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3]};
      __builtin_memcpy(a.to, words, 16);
    } else {
      map_v4(a.to, ctx->user_ip4);
    }
    u64 thread = bpf_get_current_pid_tgid();
    bpf_map_update_elem(&connect_attempts, &thread, &a, BPF_ANY);
    if (!is_dns_port(port)) return 1;
  }
  datagram_owner(bpf_get_socket_cookie(ctx), port, false);
  return 1;
}

SEC("cgroup/connect4")
int network_connect4(struct bpf_sock_addr *ctx) { return connecting(ctx, false); }

SEC("cgroup/connect6")
int network_connect6(struct bpf_sock_addr *ctx) { return connecting(ctx, true); }

SEC("cgroup/sendmsg4")
int network_sendmsg4(struct bpf_sock_addr *ctx) {
  datagram_owner(bpf_get_socket_cookie(ctx), NTOHS(ctx->user_port), true);
  return 1;
}

SEC("cgroup/sendmsg6")
int network_sendmsg6(struct bpf_sock_addr *ctx) {
  datagram_owner(bpf_get_socket_cookie(ctx), NTOHS(ctx->user_port), true);
  return 1;
}

/* Raw sockets and ping sockets: no hook sees them send. */
SEC("cgroup/sock_create")
int network_socket(struct bpf_sock *ctx) {
  if (ctx->type == SOCK_RAW || ctx->protocol == IPPROTO_ICMP || ctx->protocol == IPPROTO_ICMPV6)
    datagram_owner(bpf_get_socket_cookie(ctx), 0, true);
  return 1;
}

static __noinline int tell_bind(struct bpf_sock *ctx, u32 v6) {
  if (!enabled[SIGIL_KIND_NETWORK_BIND]) return 1;
  struct sigil_counters *c = counters_of(SIGIL_KIND_NETWORK_BIND);
  if (!c) return 1;
  c->seen++;
  struct owner o = {};
  owner_fill(&o);
  struct activity_scratch *s = network_begin(c, SIGIL_KIND_NETWORK_BIND, 0, &o);
  if (!s) return 1;
  struct sigil_network *n = FIXED(s);
  if (v6) {
    u32 words[4] = {ctx->src_ip6[0], ctx->src_ip6[1], ctx->src_ip6[2], ctx->src_ip6[3]};
    __builtin_memcpy(n->source, words, 16);
  } else {
    map_v4(n->source, ctx->src_ip4);
  }
  n->source_port = ctx->src_port;
  n->protocol = ctx->protocol;
  n->socket = bpf_get_socket_cookie(ctx);
  activity_end(s, c);
  return 1;
}

SEC("cgroup/post_bind4")
int network_bind4(struct bpf_sock *ctx) { return tell_bind(ctx, 0); }

SEC("cgroup/post_bind6")
int network_bind6(struct bpf_sock *ctx) { return tell_bind(ctx, 1); }

/* What a packet's headers say; the transport header begins at `transport`. */
struct packet {
  u8 source[16];
  u8 destination[16];
  u32 transport;
  u16 source_port;
  u16 destination_port;
  u32 protocol;
};

#define IPV6_EXTENSIONS_MAX 6

/* Nonzero for what is no first fragment of IP, or is cut short. */
static __noinline int packet_read(struct __sk_buff *skb, struct packet *p) {
  if (!p) return -1;
  if (skb->protocol == NTOHS(ETH_P_IP)) {
    struct {
      u8 version_and_length, tos;
      u16 length, id, fragment;
      u8 ttl, protocol;
      u16 sum;
      u32 source, destination;
    } ip;
    if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)) || (NTOHS(ip.fragment) & 0x1fff)) return -1;
    map_v4(p->source, ip.source);
    map_v4(p->destination, ip.destination);
    p->protocol = ip.protocol;
    p->transport = (ip.version_and_length & 15) * 4;
  } else if (skb->protocol == NTOHS(ETH_P_IPV6)) {
    struct {
      u32 version_and_flow;
      u16 length;
      u8 next, hops;
      u8 source[16], destination[16];
    } ip;
    if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip))) return -1;
    __builtin_memcpy(p->source, ip.source, 16);
    __builtin_memcpy(p->destination, ip.destination, 16);
    u32 at = sizeof(ip);
    u8 next = ip.next;
    for (int i = 0; i < IPV6_EXTENSIONS_MAX; i++) {
      u8 extension[8];
      /* Hop-by-hop, routing, fragment, destination options (RFC 8200, 4). */
      if (next != 0 && next != 43 && next != 44 && next != 60) break;
      if (bpf_skb_load_bytes(skb, at, extension, sizeof(extension))) return -1;
      if (next == 44 && ((extension[2] << 8 | extension[3]) & 0xfff8)) return -1;
      at += next == 44 ? 8 : (extension[1] + 1) * 8;
      next = extension[0];
    }
    p->protocol = next;
    p->transport = at;
  } else {
    return -1;
  }
  p->source_port = p->destination_port = 0;
  u32 protocol = p->protocol;
  if (protocol == IPPROTO_UDP || protocol == IPPROTO_TCP || protocol == IPPROTO_UDPLITE || protocol == IPPROTO_SCTP) {
    u16 ports[2];
    if (bpf_skb_load_bytes(skb, p->transport, ports, sizeof(ports))) return -1;
    p->source_port = NTOHS(ports[0]);
    p->destination_port = NTOHS(ports[1]);
  }
  return 0;
}

INLINE void put_packet(struct sigil_network *n, const struct packet *p, u64 cookie) {
  __builtin_memcpy(n->source, p->source, 16);
  __builtin_memcpy(n->destination, p->destination, 16);
  n->source_port = p->source_port;
  n->destination_port = p->destination_port;
  n->protocol = p->protocol;
  n->socket = cookie;
}

/* The most of a packet that one record carries: a power of two. */
#define DNS_PIECE_MAX 8192
/* A packet over loopback has 64 KiB and some headers. */
#define DNS_PIECES_MAX 9

struct message {
  u64 cookie;
  u32 kind;
  u32 at;       /* where the content begins in the packet */
  u32 sequence; /* of a stream */
  u32 flags;
};

/* One record with up to DNS_PIECE_MAX bytes of content; returns how many. */
static __noinline int tell_dns(struct __sk_buff *skb, struct packet *p, struct message *m) {
  if (!p || !m || skb->len <= m->at) return 0;
  u32 kind = m->kind & 127, size = skb->len - m->at, segment = skb->gso_size;
  /* Now, and not where it is used: the verifier takes no address computed from a context. */
  asm volatile("" : "+r"(segment));
  struct sigil_counters *c = counters_of(kind);
  if (!c) return 0;
  c->seen++;
  u64 cookie = m->cookie;
  struct datagram_socket *d = bpf_map_lookup_elem(&datagram_sockets, &cookie);
  struct activity_scratch *s = network_begin(c, kind, 1, d ? &d->owner : NULL);
  if (!s) return 0;
  struct sigil_network *n = FIXED(s);
  put_packet(n, p, cookie);
  n->flags = m->flags;
  /* Several datagrams in one packet (UDP_SEGMENT): where each begins. */
  n->stream_sequence = m->flags & SIGIL_NETWORK_STREAM ? m->sequence : segment;
  u32 length = size > DNS_PIECE_MAX ? DNS_PIECE_MAX : size;
  /* Changes nothing, and shows the verifier of 6.1 that it is neither 0 nor too much. */
  asm volatile("%0 += -1\n%0 &= 8191\n%0 += 1" : "+r"(length));
  if (bpf_skb_load_bytes(skb, m->at, &s->record[SECTION_AT(NETWORK_BYTES, 1)], length)) {
    c->oversized++;
    activity_give(s);
    return 0;
  }
  put_section(s, NETWORK_BYTES, 0, SIGIL_SECTION_DNS_PAYLOAD, size > length ? SIGIL_CUT : 0, length);
  activity_end(s, c);
  return length;
}

static __noinline int dns_stream(struct __sk_buff *skb, u32 kind) {
  struct packet p;
  struct message m = {.kind = kind, .flags = SIGIL_NETWORK_STREAM};
  u8 tcp[16];
  if (packet_read(skb, &p) || p.protocol != IPPROTO_TCP || bpf_skb_load_bytes(skb, p.transport, tcp, sizeof(tcp))) return 0;
  m.sequence = (u32)tcp[4] << 24 | tcp[5] << 16 | tcp[6] << 8 | tcp[7];
  /* A SYN takes a number of its own. */
  m.sequence += tcp[13] >> 1 & 1;
  m.at = p.transport + (tcp[12] >> 4) * 4;
  m.cookie = bpf_get_socket_cookie(skb);
  for (int i = 0; i < DNS_PIECES_MAX && m.at < skb->len; i++) {
    int taken = tell_dns(skb, &p, &m);
    if (taken <= 0) break;
    m.at += taken;
    m.sequence += taken;
  }
  return 0;
}

/* The address of a socket as a plain number: the verifier lets nothing be read through the one in a packet's context. */
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, u32);
  __type(value, u64);
} socket_address SEC(".maps");

/* A socket that nobody was seen to connect or send on: it is older than the agent, or was pushed out. Datagrams leave in the call
 * of who sends them, so the running task it is; but not for sockets of the kernel, which answer in soft interrupts. */
static __noinline int datagram_adopt(struct __sk_buff *skb, u64 cookie) {
  struct bpf_sock *sk = skb->sk;
  u32 zero = 0;
  volatile u64 *slot = bpf_map_lookup_elem(&socket_address, &zero);
  if (!slot || !sk) return 0;
  *slot = (u64)sk;
  struct sock *address = (void *)*slot;
  if (!BPF_CORE_READ(address, sk_socket, file)) return 0;
  datagram_owner(cookie, 0, true);
  return 0;
}

static __noinline int tell_send(struct packet *p, u64 cookie, struct datagram_socket *d) {
  if (!p) return 0;
  struct sent_key key = {.cookie = cookie, .port = p->destination_port, .protocol = p->protocol};
  __builtin_memcpy(key.to, p->destination, 16);
  if (bpf_map_lookup_elem(&datagrams_sent, &key)) return 0;
  bool answer = bpf_map_lookup_elem(&datagrams_received, &key) != NULL;
  u8 one = 1;
  bpf_map_update_elem(&datagrams_sent, &key, &one, BPF_ANY);
  struct sigil_counters *c = counters_of(SIGIL_KIND_NETWORK_SEND);
  if (!c) return 0;
  c->seen++;
  struct activity_scratch *s = network_begin(c, SIGIL_KIND_NETWORK_SEND, 0, d ? &d->owner : NULL);
  if (!s) return 0;
  struct sigil_network *n = FIXED(s);
  put_packet(n, p, cookie);
  if (answer) {
    /* The other side began. */
    __builtin_memcpy(n->source, p->destination, 16);
    __builtin_memcpy(n->destination, p->source, 16);
    n->source_port = p->destination_port;
    n->destination_port = p->source_port;
    n->flags = SIGIL_NETWORK_INBOUND;
  }
  network_end(s, c);
  return 0;
}

SEC("cgroup_skb/egress")
int network_egress(struct __sk_buff *skb) {
  struct bpf_sock *sk = skb->sk;
  if (!sk) return 1;
  sk = bpf_sk_fullsock(sk);
  if (!sk) return 1;
  u16 far = NTOHS(sk->dst_port);
  if (sk->protocol == IPPROTO_TCP && sk->type == SOCK_STREAM) {
    if (enabled[SIGIL_KIND_DNS_QUERY] && is_dns_port(far)) dns_stream(skb, SIGIL_KIND_DNS_QUERY);
    return 1;
  }
  u64 cookie = bpf_get_socket_cookie(skb);
  struct datagram_socket *d = bpf_map_lookup_elem(&datagram_sockets, &cookie);
  bool dns = is_dns_port(far) || (d && is_dns_port(d->port));
  if (d && d->told && !d->mixed && far && !dns) return 1;
  struct packet p;
  if (packet_read(skb, &p)) return 1;
  if (!d) {
    datagram_adopt(skb, cookie);
    d = bpf_map_lookup_elem(&datagram_sockets, &cookie);
  }
  if (enabled[SIGIL_KIND_NETWORK_SEND]) {
    tell_send(&p, cookie, d);
    if (d && far) d->told = 1;
  }
  if (!enabled[SIGIL_KIND_DNS_QUERY] || p.protocol != IPPROTO_UDP || !(dns || is_dns_port(p.destination_port))) return 1;
  struct message m = {.cookie = cookie, .kind = SIGIL_KIND_DNS_QUERY, .at = p.transport + 8};
  tell_dns(skb, &p, &m);
  return 1;
}

SEC("cgroup_skb/ingress")
int network_ingress(struct __sk_buff *skb) {
  struct bpf_sock *sk = skb->sk;
  if (!sk) return 1;
  sk = bpf_sk_fullsock(sk);
  if (!sk) return 1;
  u16 far = NTOHS(sk->dst_port);
  if (sk->protocol == IPPROTO_TCP && sk->type == SOCK_STREAM) {
    if (enabled[SIGIL_KIND_DNS_ANSWER] && is_dns_port(far)) dns_stream(skb, SIGIL_KIND_DNS_ANSWER);
    return 1;
  }
  if (sk->protocol != IPPROTO_UDP || (far && !is_dns_port(far))) return 1;
  struct packet p;
  if (packet_read(skb, &p) || p.protocol != IPPROTO_UDP) return 1;
  u64 cookie = bpf_get_socket_cookie(skb);
  if (!far && enabled[SIGIL_KIND_NETWORK_SEND]) {
    struct sent_key key = {.cookie = cookie, .port = p.source_port, .protocol = IPPROTO_UDP};
    __builtin_memcpy(key.to, p.source, 16);
    if (!bpf_map_lookup_elem(&datagrams_received, &key)) {
      u8 one = 1;
      bpf_map_update_elem(&datagrams_received, &key, &one, BPF_ANY);
    }
  }
  if (!enabled[SIGIL_KIND_DNS_ANSWER] || !is_dns_port(p.source_port)) return 1;
  struct message m = {.cookie = cookie, .kind = SIGIL_KIND_DNS_ANSWER, .at = p.transport + 8};
  tell_dns(skb, &p, &m);
  return 1;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
