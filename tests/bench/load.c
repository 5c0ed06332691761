/*
 * Generates load with one epoll thread. The program counts WebSocket frames without parsing JSON, so it is rarely the
 * bottleneck. generator.ts compiles and runs the program. To run it alone:
 *
 *   cc -O2 -o load tests/bench/load.c
 *   taskset -c 1 ./load -p 8000 -pid <server pid> -n 1000 -w 16 -d 3 -path '/ws/chat?token=...'
 *
 * Start the server with MESSAGE_RATE_LIMIT=0 CONNECTIONS_PER_USER=0, on another core.
 *
 *   -p port   -n sockets   -s senders (the first sockets)   -c characters per message
 *   -path path   -pathf file, one path per socket
 *   -w messages in flight   -d seconds at saturation, after -warm seconds
 *   -r messages per second  -rd seconds at this rate, for latency
 *   -idle seconds, for memory   -q seconds without traffic before each step   -sio 1 for Socket.IO   -pid server process
 *
 * Prints JSON. `sat.cpu_per_M` is the server's CPU seconds per million deliveries. `sat.per_write` is deliveries per write
 * call of the server (`syscw` in /proc/PID/io). `lg_cpu` is the generator's use of its core.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stdint.h>
#include <unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/resource.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>

typedef struct {
  int fd;
  int clen;
  uint8_t *carry;
  uint64_t frames;
} conn;

static conn *C;
static int N = 100, PORT = 9000, S = 1, W = 16, RATE = 0, SIO = 0, PID = 0, CONTENT = 100;
static double DUR = 2, WARM = 0.5, RDUR = 0, IDLE = 0, QUIET = 0.3;
static char *PATHF = 0, *PATHS = "/";
static int EP;
static uint64_t deliv = 0, bytes = 0, sent = 0, badframes = 0, closed = 0;
static int sampling = 0;
static uint32_t *lat;
static uint64_t nlat = 0;
static const uint64_t LATCAP = 8000000;
static uint8_t rb[1 << 18];

static uint64_t now() {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static double cpu_of(int pid) {
  if (!pid) return 0;
  char p[64], b[2048];
  snprintf(p, 64, "/proc/%d/stat", pid);
  int f = open(p, O_RDONLY);
  if (f < 0) return 0;
  int n = read(f, b, 2047);
  close(f);
  if (n <= 0) return 0;
  b[n] = 0;
  char *q = strrchr(b, ')');
  unsigned long u, s;
  sscanf(q + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &u, &s);
  return (u + s) / (double)sysconf(_SC_CLK_TCK);
}

static long rss_of(int pid) {
  if (!pid) return 0;
  char p[64], l[256];
  snprintf(p, 64, "/proc/%d/status", pid);
  FILE *f = fopen(p, "r");
  long r = 0;
  if (!f) return 0;
  while (fgets(l, 256, f))
    if (sscanf(l, "VmRSS: %ld", &r) == 1) break;
  fclose(f);
  return r;
}

static uint64_t writes_of(int pid) {
  char p[64], l[256];
  snprintf(p, 64, "/proc/%d/io", pid);
  FILE *f = pid ? fopen(p, "r") : 0;
  unsigned long w = 0;
  if (!f) return 0;
  while (fgets(l, 256, f))
    if (sscanf(l, "syscw: %lu", &w) == 1) break;
  fclose(f);
  return w;
}

static double selfcpu() {
  struct rusage r;
  getrusage(RUSAGE_SELF, &r);
  return r.ru_utime.tv_sec + r.ru_stime.tv_sec + (r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static int wsframe(uint8_t *o, const char *p, int len, int op) {
  int h;
  o[0] = 0x80 | op;
  if (len < 126) {
    o[1] = 0x80 | len;
    h = 2;
  } else {
    o[1] = 0x80 | 126;
    o[2] = len >> 8;
    o[3] = len;
    h = 4;
  }
  memset(o + h, 0, 4);
  h += 4;
  memcpy(o + h, p, len);
  return h + len;
}

static void wr(int fd, const uint8_t *b, int n) {
  int o = 0;
  while (o < n) {
    int r = write(fd, b + o, n - o);
    if (r < 0) {
      if (errno == EAGAIN) {
        struct pollfd pf = {fd, POLLOUT, 0};
        poll(&pf, 1, 1000);
        continue;
      }
      return;
    }
    o += r;
  }
}

static void handle(conn *c, const uint8_t *p, uint32_t len, int op) {
  if (op == 9) {
    uint8_t o[300];
    int n = wsframe(o, (const char *)p, len > 120 ? 120 : len, 10);
    wr(c->fd, o, n);
    return;
  }
  if (op == 8) {
    closed++;
    return;
  }
  if (SIO) {
    if (len == 1 && p[0] == '2') {
      uint8_t o[16];
      int n = wsframe(o, "3", 1, 1);
      wr(c->fd, o, n);
      return;
    }
    if (len < 2 || p[0] != '4' || p[1] != '2') return;
  }
  deliv++;
  c->frames++;
  if (sampling && nlat < LATCAP) {
    const uint8_t *m = memmem(p, len, "@T", 2);
    if (m && m + 18 <= p + len) {
      char h[17];
      memcpy(h, m + 2, 16);
      h[16] = 0;
      uint64_t t = strtoull(h, 0, 16);
      uint64_t d = now() - t;
      lat[nlat++] = d / 1000;
    }
  }
}

static void feed(conn *c, uint8_t *b, int n) { // b: the bytes of the last call that were not processed, and the new bytes
  int o = 0;
  while (n - o >= 2) {
    uint8_t op = b[o] & 15;
    uint64_t len = b[o + 1] & 127;
    int h = 2;
    if (len == 126) {
      if (n - o < 4) break;
      len = (b[o + 2] << 8) | b[o + 3];
      h = 4;
    } else if (len == 127) {
      if (n - o < 10) break;
      len = 0;
      for (int i = 0; i < 8; i++)
        len = (len << 8) | b[o + 2 + i];
      h = 10;
    }
    if ((uint64_t)(n - o) < h + len) break;
    handle(c, b + o + h, len, op);
    o += h + len;
  }
  c->clen = n - o;
  if (c->clen) {
    if (c->clen > 65536) {
      badframes++;
      c->clen = 0;
      return;
    }
    c->carry = realloc(c->carry, c->clen);
    memcpy(c->carry, b + o, c->clen);
  }
}

static int onread(conn *c) {
  int cl = c->clen;
  if (cl) memcpy(rb, c->carry, cl);
  int r = read(c->fd, rb + cl, sizeof(rb) - cl);
  if (r <= 0) {
    if (r == 0 || (errno != EAGAIN && errno != EINTR)) {
      epoll_ctl(EP, EPOLL_CTL_DEL, c->fd, 0);
      close(c->fd);
      c->fd = -1;
      closed++;
    }
    return 0;
  }
  bytes += r;
  feed(c, rb, cl + r);
  return r;
}

static struct epoll_event ev[1024];

static int pump(int64_t ns) {
  struct timespec ts = {ns / 1000000000, ns % 1000000000};
  int k = epoll_pwait2(EP, ev, 1024, &ts, 0);
  if (k < 0 && errno == ENOSYS) k = epoll_wait(EP, ev, 1024, ns / 1000000);
  for (int i = 0; i < k; i++)
    onread(&C[ev[i].data.u32]);
  return k;
}

static int nexts = 0;
static char pad[65536];

static void sendmsgT(uint64_t t) {
  char p[70000];
  uint8_t o[70100];
  int l;
  if (SIO)
    l = sprintf(p, "42[\"message\",{\"type\":\"message\",\"content\":\"@T%016llx%.*s\"}]", (unsigned long long)t,
                CONTENT - 18, pad);
  else
    l = sprintf(p, "{\"type\":\"message\",\"content\":\"@T%016llx%.*s\"}", (unsigned long long)t, CONTENT - 18, pad);
  int n = wsframe(o, p, l, 1);
  conn *c = &C[nexts];
  nexts = (nexts + 1) % S;
  if (c->fd < 0) return;
  wr(c->fd, o, n);
  sent++;
}

static int cmp(const void *a, const void *b) {
  uint32_t x = *(uint32_t *)a, y = *(uint32_t *)b;
  return x < y ? -1 : x > y;
}

static int quiet() {
  uint64_t t0 = now(), last = now();
  uint64_t d = bytes;
  while (now() - last < (uint64_t)(QUIET * 1e9)) {
    pump(20000000);
    if (bytes != d) {
      d = bytes;
      last = now();
    }
    if (now() - t0 > 20000000000ull) return -1;
  }
  return 0;
}

int main(int ac, char **av) {
  signal(SIGPIPE, SIG_IGN);
  memset(pad, 'x', sizeof pad);
  for (int i = 1; i + 1 < ac; i += 2) {
    char *k = av[i], *v = av[i + 1];
    if (!strcmp(k, "-n"))
      N = atoi(v);
    else if (!strcmp(k, "-p"))
      PORT = atoi(v);
    else if (!strcmp(k, "-s"))
      S = atoi(v);
    else if (!strcmp(k, "-w"))
      W = atoi(v);
    else if (!strcmp(k, "-r"))
      RATE = atoi(v);
    else if (!strcmp(k, "-sio"))
      SIO = atoi(v);
    else if (!strcmp(k, "-pid"))
      PID = atoi(v);
    else if (!strcmp(k, "-d"))
      DUR = atof(v);
    else if (!strcmp(k, "-rd"))
      RDUR = atof(v);
    else if (!strcmp(k, "-warm"))
      WARM = atof(v);
    else if (!strcmp(k, "-idle"))
      IDLE = atof(v);
    else if (!strcmp(k, "-path"))
      PATHS = v;
    else if (!strcmp(k, "-pathf"))
      PATHF = v;
    else if (!strcmp(k, "-c"))
      CONTENT = atoi(v);
    else if (!strcmp(k, "-q"))
      QUIET = atof(v);
    else {
      fprintf(stderr, "? %s\n", k);
      return 2;
    }
  }
  lat = malloc(LATCAP * 4);
  C = calloc(N, sizeof(conn));
  EP = epoll_create1(0);
  FILE *pf = PATHF ? fopen(PATHF, "r") : 0;
  char line[2048];
  long rss0 = rss_of(PID);
  uint64_t tc = now();
  double cpuc = cpu_of(PID);
  for (int i = 0; i < N; i++) {
    char *path = PATHS;
    if (pf) {
      if (!fgets(line, 2048, pf)) {
        fprintf(stderr, "paths\n");
        return 2;
      }
      line[strcspn(line, "\n")] = 0;
      path = line;
    }
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(fd, (void *)&a, sizeof a)) {
      perror("connect");
      return 1;
    }
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct linger lg = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &lg, sizeof lg);
    struct timeval tv = {20, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    char rq[3000];
    int l = snprintf(rq, 3000,
                     "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: "
                     "Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
                     path, PORT);
    write(fd, rq, l);
    uint8_t hb[8192];
    int n = 0;
    char *e = 0;
    while (n < 8191) {
      int r = read(fd, hb + n, 8191 - n);
      if (r <= 0) {
        fprintf(stderr, "handshake fail conn %d: %s got %d\n", i, strerror(errno), n);
        return 1;
      }
      n += r;
      hb[n] = 0;
      e = strstr((char *)hb, "\r\n\r\n");
      if (e) break;
    }
    if (strncmp((char *)hb, "HTTP/1.1 101", 12)) {
      fprintf(stderr, "bad handshake conn %d: %.200s\n", i, hb);
      return 1;
    }
    conn *c = &C[i];
    c->fd = fd;
    int off = (uint8_t *)e + 4 - hb;
    if (SIO) {
      uint8_t o[32];
      int k = wsframe(o, "40", 2, 1);
      wr(fd, o, k);
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    if (n > off) {
      memcpy(rb, hb + off, n - off);
      feed(c, rb, n - off);
    }
    struct epoll_event x = {.events = EPOLLIN, .data.u32 = i};
    epoll_ctl(EP, EPOLL_CTL_ADD, fd, &x);
    if ((i & 15) == 0) pump(0);
  }
  double ctime = (now() - tc) / 1e9;
  double concpu = cpu_of(PID) - cpuc;
  quiet();
  if (IDLE > 0) {
    uint64_t e = now() + (uint64_t)(IDLE * 1e9);
    while (now() < e)
      pump(50000000);
    long r1 = rss_of(PID);
    double c0 = cpu_of(PID);
    e = now() + 2000000000ull;
    while (now() < e)
      pump(50000000);
    printf("{\"mode\":\"idle\",\"n\":%d,\"rss0_kb\":%ld,\"rss_kb\":%ld,\"kb_per_conn\":%.2f,\"connect_s\":%.2f,"
           "\"connect_cpu\":%.2f,\"idle_cpu\":%.3f,\"closed\":%lu}\n",
           N, rss0, r1, (double)(r1 - rss0) / N, ctime, concpu, (cpu_of(PID) - c0) / 2, closed);
    return 0;
  }
  printf("{\"n\":%d,\"s\":%d,\"w\":%d", N, S, W);
  if (DUR > 0) {
    deliv = 0;
    sent = 0;
    uint64_t t0 = now(), tm = t0 + (uint64_t)(WARM * 1e9), te = tm + (uint64_t)(DUR * 1e9);
    uint64_t d0 = 0, s0 = 0, b0 = 0, m0 = 0, w0 = 0;
    double c0 = 0, l0 = 0;
    int meas = 0;
    uint64_t lastd = 0, lastt = t0;
    int stall = 0;
    for (;;) {
      uint64_t t = now();
      if (!meas && t >= tm) {
        meas = 1;
        m0 = t;
        d0 = deliv;
        s0 = sent;
        b0 = bytes;
        c0 = cpu_of(PID);
        l0 = selfcpu();
        w0 = writes_of(PID);
      }
      if (t >= te) break;
      if (deliv != lastd) {
        lastd = deliv;
        lastt = t;
      } else if (t - lastt > 8000000000ull) {
        stall = 1;
        break;
      }
      while (sent < deliv / N + W) {
        uint64_t q = sent;
        sendmsgT(t);
        if (sent == q) break;
      }
      pump(50000000);
    }
    double sec = (now() - m0) / 1e9, sc = cpu_of(PID) - c0, lc = selfcpu() - l0;
    uint64_t d = deliv - d0, writes = writes_of(PID) - w0;
    printf(",\"sat\":{\"deliv_s\":%.0f,\"msg_s\":%.1f,\"mb_s\":%.1f,\"srv_cpu\":%.2f,\"cpu_per_M\":%.3f,\"lg_cpu\":%.2f,"
           "\"per_write\":%.2f,\"rss_mb\":%.0f,\"stall\":%d,\"closed\":%lu,\"frame\":%.0f}",
           d / sec, d / sec / N, (bytes - b0) / sec / 1e6, sc / sec, d ? sc / d * 1e6 : 0, lc / sec,
           writes ? (double)d / writes : 0, rss_of(PID) / 1024.0, stall, closed, d ? (double)(bytes - b0) / d : 0);
    quiet();
  }
  if (RATE > 0 && RDUR > 0) {
    deliv = 0;
    sent = 0;
    nlat = 0;
    uint64_t t0 = now(), te = t0 + (uint64_t)(RDUR * 1e9) + 300000000ull, nt = t0, step = 1000000000ull / RATE;
    sampling = 0;
    double c0 = cpu_of(PID);
    uint64_t sw = t0 + 300000000ull;
    for (;;) {
      uint64_t t = now();
      if (!sampling && t >= sw) sampling = 1;
      if (t >= te) break;
      while (nt <= t) {
        sendmsgT(nt);
        nt += step;
      }
      uint64_t w = nt > now() ? nt - now() : 0;
      if (w > 0)
        pump(w);
      else
        pump(0);
    }
    double sc = cpu_of(PID) - c0, sec = (now() - t0) / 1e9;
    uint64_t s1 = sent;
    quiet();
    qsort(lat, nlat, 4, cmp);
    printf(",\"rate\":{\"msg_s\":%d,\"deliv_s\":%.0f,\"lost\":%ld,\"p50_us\":%u,\"p99_us\":%u,\"max_us\":%u,\"srv_"
           "cpu\":%.3f,\"samples\":%lu}",
           RATE, (double)s1 * N / sec, (long)(s1 * N - deliv), nlat ? lat[nlat / 2] : 0,
           nlat ? lat[(uint64_t)(nlat * 0.99)] : 0, nlat ? lat[nlat - 1] : 0, sc / sec, nlat);
  }
  printf(",\"connect_s\":%.2f}\n", ctime);
  return 0;
}
