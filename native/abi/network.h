/* Activities on the network: kinds 32-47, and messages of the DNS: kinds 48-55, section types 48-55. Included by ../abi.h. */

enum sigil_network_kind {
  SIGIL_KIND_NETWORK_CONNECT = 32, /* a TCP connection that this host began, when it is known how that ended */
  SIGIL_KIND_NETWORK_ACCEPT = 33,  /* a TCP connection that a process took: source is the other side */
  SIGIL_KIND_NETWORK_BIND = 34,    /* a socket got a port of its own */
  SIGIL_KIND_NETWORK_LISTEN = 35,  /* TCP */
  SIGIL_KIND_NETWORK_CLOSE = 36,   /* the end of a connection of the first two kinds */
  SIGIL_KIND_NETWORK_SEND = 37     /* the first datagram from a socket to a place: all protocols but TCP */
};

enum sigil_dns_kind {
  SIGIL_KIND_DNS_QUERY = 48, /* what a process sent to a port of name servers */
  SIGIL_KIND_DNS_ANSWER = 49 /* what came from one */
};

enum sigil_dns_section {
  SIGIL_SECTION_DNS_PAYLOAD = 48 /* a datagram's content, its head when CUT; or a piece of a TCP stream */
};

enum sigil_network_flag {
  SIGIL_NETWORK_UNDECIDED = 1, /* CONNECT: told before it was known how it ends, because nobody answered the first packet */
  SIGIL_NETWORK_INBOUND = 2,   /* CLOSE: the connection was accepted; SEND: an answer to a datagram from there */
  SIGIL_NETWORK_STREAM = 4     /* DNS: a piece of a TCP stream, from byte stream_sequence on */
};

/* Fixed part of all these kinds, behind the actor. Addresses are IPv6, IPv4 ones mapped (RFC 4291, 2.5.5.2); ports and numbers in
 * the byte order of the host. Source is who began: of ACCEPT, and with INBOUND, the other side. BIND and LISTEN have a
 * source alone. */
struct sigil_network {
  u8 source[16];
  u8 destination[16];
  u64 socket;          /* tells sockets apart while they live */
  u64 bytes_sent;      /* CLOSE: payload that was acknowledged or at least sent, and that was received */
  u64 bytes_received;
  u64 duration_ns;     /* CLOSE: since it was made; CONNECT: since the first packet */
  u16 source_port;
  u16 destination_port;
  u16 protocol;        /* IPPROTO_*: 6 TCP, 17 UDP, 1 and 58 ICMP, 132 SCTP … */
  u16 result;          /* CONNECT: 0, or the errno that it ended with; 0 also while UNDECIDED */
  u32 flags;           /* enum sigil_network_flag */
  u32 stream_sequence; /* DNS over TCP: sequence number of the first byte of the payload; over UDP: size of each datagram, 0 for one */
};

/* What the network programs are told: one entry of the map network_config. */
struct sigil_network_config {
  u8 without_loopback; /* 1: connections and datagrams within this host are counted as filtered; DNS messages never are */
  u8 reserved[7];
  u16 dns_ports[8];    /* 0: none */
};
