// sseload: an independent load generator for SSE hubs (subscribers + publisher), Linux epoll.
// Every published payload carries a marker "@@<16 hex ns><8 hex seq>": deliveries are counted by marker,
// latency is taken from it, and per-connection gaps, repeats and reorderings are detected from seq.
// --alt-body BODY --alt-share N: N of a hundred updates are sent with another body, such as a private one.
// --header-file FILE: subscriber i sends line i (modulo) as a further header field, such as a token of its own.
// Build: cc -O2 -pthread -o sseload sseload.c
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

typedef struct { int fd; int state; uint32_t last; int ntail; char tail[32]; uint64_t n; int topic; } conn;
static conn *C;
static const char *host = "127.0.0.1", *path = "/", *ppath = "/", *body = "%s", *ctype = "application/x-www-form-urlencoded";
static const char *hdr = "", *phdr = "", *altbody = 0; static int altshare = 0; static char **hlines = 0; static int nhlines = 0;
static int port = 80, N = 100, srcips = 8, pubconns = 1, payload = 64, topics = 1, stallN = 0, connrate = 4000, settle = 500, drain = 2000;
static double rate = 10, duration = 10;
static int serverpids[64], nserver = 0;
static _Atomic int stop = 0, connected = 0, opened = 0, closedc = 0;
static _Atomic uint64_t published = 0, puberr = 0, deliveries = 0, gaps = 0, dups = 0, bytes = 0;
static _Atomic uint64_t publat_sum = 0;
#define LMAX 4000000
static uint32_t *lat; static _Atomic uint64_t nlat = 0; static uint64_t latskip = 1;
static uint32_t *plat; static uint64_t nplat = 0;
static uint64_t now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000000ull + t.tv_nsec; }

static double cpu_of(int pid, double *sys) {
  char p[64], b[4096]; snprintf(p, sizeof p, "/proc/%d/stat", pid); FILE *f = fopen(p, "r"); if (!f) return 0;
  size_t n = fread(b, 1, sizeof b - 1, f); fclose(f); b[n] = 0; char *q = strrchr(b, ')'); if (!q) return 0;
  unsigned long ut = 0, st = 0; sscanf(q + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &ut, &st);
  double hz = sysconf(_SC_CLK_TCK); if (sys) *sys += st / hz; return (ut + st) / hz;
}
static double cpu_all(double *sys) { double s = 0; *sys = 0; for (int i = 0; i < nserver; i++) s += cpu_of(serverpids[i], sys); return s; }
static long rss_all(void) {
  long kb = 0; for (int i = 0; i < nserver; i++) { char p[64], l[256]; snprintf(p, sizeof p, "/proc/%d/smaps_rollup", serverpids[i]); FILE *f = fopen(p, "r"); if (!f) continue;
    while (fgets(l, sizeof l, f)) { long v; if (sscanf(l, "Pss: %ld", &v) == 1) { kb += v; break; } } fclose(f); } return kb;
}
static void scan(conn *c, const char *b, size_t n) {
  const char *p = b, *e = b + n; uint64_t t = now();
  while ((p = memmem(p, e - p, "@@", 2))) {
    if (e - p < 26) break;
    char h[17]; memcpy(h, p + 2, 16); h[16] = 0; uint64_t ts = strtoull(h, 0, 16); memcpy(h, p + 18, 8); h[8] = 0; uint32_t seq = strtoul(h, 0, 16);
    if (c->last != UINT32_MAX && topics == 1) { if (seq == c->last) dups++; else if (seq < c->last) dups++; else if (seq > c->last + 1) gaps += seq - c->last - 1; }
    c->last = seq; c->n++; uint64_t d = deliveries++;
    if (d % latskip == 0) { uint64_t i = nlat++; if (i < LMAX) { uint64_t us = (t - ts) / 1000; lat[i] = us > UINT32_MAX ? UINT32_MAX : us; } }
    p += 26;
  }
}
static void feed(conn *c, const char *b, size_t n) {
  bytes += n; char small[64];
  if (c->ntail) { // a marker may straddle two reads
    size_t take = n < 26 ? n : 26; memcpy(small, c->tail, c->ntail); memcpy(small + c->ntail, b, take);
    const char *p = memmem(small, c->ntail + take, "@@", 2);
    if (p && p < small + c->ntail && small + c->ntail + take - p >= 26) scan(c, p, 26);
  }
  scan(c, b, n);
  // keep an incomplete marker at the end
  c->ntail = 0; size_t k = n < 25 ? n : 25; const char *s = b + n - k, *p = memmem(s, k, "@@", 2), *q;
  while (p && (q = memmem(p + 2, b + n - p - 2, "@@", 2))) p = q;
  if (p && b + n - p < 26) { c->ntail = b + n - p; memcpy(c->tail, p, c->ntail); }
  else if (n && b[n - 1] == '@') { c->ntail = 1; c->tail[0] = '@'; }
}
static int dial(int i) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0); if (fd < 0) return -1;
  struct sockaddr_in s = {.sin_family = AF_INET}; s.sin_addr.s_addr = htonl(0x7f000001 + (i % srcips)); int one = 1;
  setsockopt(fd, IPPROTO_IP, 24 /*IP_BIND_ADDRESS_NO_PORT*/, &one, sizeof one); setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); bind(fd, (void *)&s, sizeof s);
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)}; inet_pton(AF_INET, host, &a.sin_addr);
  if (connect(fd, (void *)&a, sizeof a) && errno != EINPROGRESS) { close(fd); return -1; } return fd;
}
static void expand(char *out, size_t cap, const char *tpl, int topic, int number) { // %t -> topic number, %i -> the subscriber's own
  size_t o = 0; for (const char *p = tpl; *p && o + 16 < cap; p++) { if (p[0] == '%' && p[1] == 't') { o += snprintf(out + o, cap - o, "%d", topic); p++; } else if (p[0] == '%' && p[1] == 'i') { o += snprintf(out + o, cap - o, "%d", number); p++; } else out[o++] = *p; } out[o] = 0;
}
static void *subscribers(void *arg) {
  (void)arg; int ep = epoll_create1(0); static char buf[1 << 18]; struct epoll_event ev[1024]; uint64_t t0 = now(); int dialed = 0;
  while (!stop) {
    while (dialed < N && dialed < (now() - t0) / 1e9 * connrate && dialed - opened < 512) {
      conn *c = &C[dialed]; c->fd = dial(dialed); c->last = UINT32_MAX; c->topic = dialed % topics; if (c->fd < 0) { closedc++; opened++; dialed++; continue; }
      struct epoll_event e = {.events = EPOLLOUT | EPOLLIN, .data.u32 = dialed}; epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e); dialed++;
    }
    int n = epoll_wait(ep, ev, 1024, dialed < N ? 1 : 50);
    for (int i = 0; i < n; i++) {
      conn *c = &C[ev[i].data.u32];
      if (c->state == 0 && (ev[i].events & EPOLLOUT)) {
        static char pt[1 << 16], rq[1 << 17]; expand(pt, sizeof pt, path, c->topic, ev[i].data.u32); const char *own = nhlines ? hlines[ev[i].data.u32 % nhlines] : "";
        int l = snprintf(rq, sizeof rq, "GET %s HTTP/1.1\r\nHost: %s:%d\r\nAccept: text/event-stream\r\n%s%s\r\n", pt, host, port, hdr, own);
        if (send(c->fd, rq, l, MSG_NOSIGNAL) != l) { close(c->fd); c->fd = -1; closedc++; opened++; continue; }
        c->state = 1; struct epoll_event e = {.events = EPOLLIN, .data.u32 = ev[i].data.u32}; epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e); continue;
      }
      ssize_t r = recv(c->fd, buf, sizeof buf, 0);
      if (r <= 0) { if (r < 0 && errno == EAGAIN) continue; if (c->state == 1) opened++; close(c->fd); c->fd = -1; c->state = 3; closedc++; continue; }
      if (c->state == 1) {
        opened++; c->state = 2; if (r > 12 && !memcmp(buf, "HTTP/1.1 200", 12)) connected++; else if (closedc++ == 0) fprintf(stderr, "refused: %.*s\n", (int)(r < 200 ? r : 200), buf);
        if ((int)ev[i].data.u32 < stallN) { epoll_ctl(ep, EPOLL_CTL_DEL, c->fd, 0); continue; } // a client that stops reading
      }
      feed(c, buf, r);
    }
  }
  return 0;
}
static void *publisher(void *arg) {
  (void)arg; int n = pubconns; int *fd = calloc(n, sizeof *fd); int *busy = calloc(n, sizeof *busy); uint64_t *sent = calloc(n, 8); for (int i = 0; i < n; i++) fd[i] = -1;
  uint64_t t0 = now(), end = t0 + duration * 1e9; uint32_t seq = 0; static char buf[65536]; int ep = epoll_create1(0);
  char *pad = malloc(payload + 1); memset(pad, 'x', payload); pad[payload] = 0;
  while (1) {
    uint64_t t = now(); if (t >= end || stop) break;
    for (int i = 0; i < n; i++) if (!busy[i] && (rate <= 0 || seq < (t - t0) / 1e9 * rate)) {
      if (fd[i] < 0) { fd[i] = dial(i); if (fd[i] < 0) { puberr++; continue; } fcntl(fd[i], F_SETFL, 0); int w = 0; while (w++ < 50) { struct sockaddr_in a; socklen_t l = sizeof a; if (!getpeername(fd[i], (void *)&a, &l)) break; usleep(1000); }
        fcntl(fd[i], F_SETFL, O_NONBLOCK); struct epoll_event e = {.events = EPOLLIN, .data.u32 = i}; epoll_ctl(ep, EPOLL_CTL_ADD, fd[i], &e); }
      char m[64]; uint64_t ts = now(); snprintf(m, sizeof m, "@@%016llx%08x", (unsigned long long)ts, seq);
      size_t cap = payload + 4096; char *b = malloc(cap), *full = malloc(cap), *rq = malloc(cap + 4096); int tp = seq % topics; expand(b, cap, altbody && (int)((uint64_t)seq * 37 % 100) < altshare ? altbody : body, tp, i);
      char *ps = strstr(b, "%s"); int padn = payload > 26 ? payload - 26 : 0;
      int bl = ps ? snprintf(full, cap, "%.*s%s%.*s%s", (int)(ps - b), b, m, padn, pad, ps + 2) : snprintf(full, cap, "%s", b);
      char pp[2048]; expand(pp, sizeof pp, ppath, tp, i);
      int l = snprintf(rq, cap + 4096, "POST %s HTTP/1.1\r\nHost: %s:%d\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s\r\n%s", pp, host, port, ctype, bl, phdr, full);
      if (send(fd[i], rq, l, MSG_NOSIGNAL) != l) { puberr++; close(fd[i]); fd[i] = -1; } else { busy[i] = 1; sent[i] = ts; seq++; }
      free(b); free(full); free(rq);
    }
    struct epoll_event ev[64]; int k = epoll_wait(ep, ev, 64, 1);
    for (int j = 0; j < k; j++) { int i = ev[j].data.u32; ssize_t r = recv(fd[i], buf, sizeof buf - 1, 0);
      if (r <= 0) { if (r < 0 && errno == EAGAIN) continue; puberr++; close(fd[i]); fd[i] = -1; busy[i] = 0; continue; }
      buf[r] = 0; if (!strncmp(buf, "HTTP/1.1 20", 11)) { published++; uint64_t us = (now() - sent[i]) / 1000; publat_sum += us; if (nplat < LMAX) plat[nplat++] = us; } else { if (!puberr++) fprintf(stderr, "publish refused: %.300s\n", buf); }
      busy[i] = 0; if (strcasestr(buf, "connection: close")) { close(fd[i]); fd[i] = -1; } }
  }
  return 0;
}
static void read_headers(const char *file) {
  FILE *f = fopen(file, "r"); if (!f) { perror(file); exit(2); }
  char *line = 0; size_t cap = 0; ssize_t n; int room = 0;
  while ((n = getline(&line, &cap, f)) > 0) {
    if (line[n - 1] == '\n') line[--n] = 0;
    if (nhlines == room) hlines = realloc(hlines, (room = room ? 2 * room : 1024) * sizeof *hlines);
    char *own = malloc(n + 3); snprintf(own, n + 3, "%s\r\n", line); hlines[nhlines++] = own;
  }
  free(line); fclose(f);
}
static int cmp(const void *a, const void *b) { uint32_t x = *(uint32_t *)a, y = *(uint32_t *)b; return x < y ? -1 : x > y; }
int main(int ac, char **av) {
  static struct option o[] = {{"host", 1, 0, 'h'}, {"port", 1, 0, 'p'}, {"path", 1, 0, 'a'}, {"header", 1, 0, 'H'}, {"conns", 1, 0, 'n'}, {"pub-path", 1, 0, 'P'}, {"pub-header", 1, 0, 'Q'}, {"body", 1, 0, 'b'}, {"ctype", 1, 0, 'c'}, {"rate", 1, 0, 'r'}, {"duration", 1, 0, 'd'}, {"pub-conns", 1, 0, 'k'}, {"payload", 1, 0, 's'}, {"topics", 1, 0, 't'}, {"pid", 1, 0, 'i'}, {"stall", 1, 0, 'S'}, {"src-ips", 1, 0, 'I'}, {"conn-rate", 1, 0, 'R'}, {"settle", 1, 0, 'e'}, {"drain", 1, 0, 'D'}, {"alt-body", 1, 0, 'B'}, {"alt-share", 1, 0, 'A'}, {"header-file", 1, 0, 'F'}, {0}};
  int x; static char hb[8192], pb[8192];
  while ((x = getopt_long(ac, av, "", o, 0)) != -1) switch (x) {
    case 'h': host = optarg; break; case 'p': port = atoi(optarg); break; case 'a': path = optarg; break; case 'H': strcat(strcat(hb, optarg), "\r\n"); hdr = hb; break; case 'n': N = atoi(optarg); break;
    case 'P': ppath = optarg; break; case 'Q': strcat(strcat(pb, optarg), "\r\n"); phdr = pb; break; case 'b': body = optarg; break; case 'c': ctype = optarg; break; case 'r': rate = atof(optarg); break; case 'd': duration = atof(optarg); break;
    case 'k': pubconns = atoi(optarg); break; case 's': payload = atoi(optarg); break; case 't': topics = atoi(optarg); break; case 'i': serverpids[nserver++] = atoi(optarg); break; case 'S': stallN = atoi(optarg); break; case 'I': srcips = atoi(optarg); break; case 'R': connrate = atoi(optarg); break; case 'e': settle = atoi(optarg); break; case 'D': drain = atoi(optarg); break; case 'B': altbody = optarg; break; case 'A': altshare = atoi(optarg); break; case 'F': read_headers(optarg); break; default: return 2; }
  struct rlimit rl = {N + 1000, N + 1000}; if (setrlimit(RLIMIT_NOFILE, &rl)) { getrlimit(RLIMIT_NOFILE, &rl); rl.rlim_cur = rl.rlim_max; setrlimit(RLIMIT_NOFILE, &rl); }
  signal(SIGPIPE, SIG_IGN); C = calloc(N ? N : 1, sizeof *C); lat = malloc(LMAX * 4ull); plat = malloc(LMAX * 4ull);
  double expect = (rate > 0 ? rate : 20000) * duration * N / (topics ? topics : 1); latskip = expect > LMAX ? expect / LMAX + 1 : 1;
  double s0, s1, s2, s3; double c0 = cpu_all(&s0); long r0 = rss_all(); uint64_t t0 = now(); pthread_t a, b; pthread_create(&a, 0, subscribers, 0);
  while (opened < N) { usleep(5000); if (now() - t0 > 120e9) break; }
  double tc = (now() - t0) / 1e9; usleep(settle * 1000); double c1 = cpu_all(&s1); long r1 = rss_all(); uint64_t t1 = now();
  if (duration > 0) { pthread_create(&b, 0, publisher, 0); pthread_join(b, 0); }
  uint64_t want = topics == 1 ? published * (uint64_t)(connected - stallN) : published * (uint64_t)connected / topics; uint64_t tw = now(), tlast = now(), dl = deliveries;
  while (deliveries < want && now() - tlast < drain * 1000000ull) { usleep(2000); if (deliveries != dl) { dl = deliveries; tlast = now(); } }
  double te = ((deliveries >= want ? now() : tlast) - t1) / 1e9; double c2 = cpu_all(&s2); long r2 = rss_all(); (void)tw; (void)s3; stop = 1; pthread_join(a, 0);
  uint64_t k = nlat < LMAX ? nlat : LMAX; qsort(lat, k, 4, cmp); qsort(plat, nplat, 4, cmp);
  struct rusage ru; getrusage(RUSAGE_SELF, &ru); double mycpu = ru.ru_utime.tv_sec + ru.ru_stime.tv_sec + (ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
  printf("{\"conns\":%d,\"connected\":%d,\"closed\":%d,\"connect_s\":%.2f,\"connect_cpu_us_per_conn\":%.1f,\"mem_kb_before\":%ld,\"mem_kb_idle\":%ld,\"kb_per_conn\":%.2f,\"mem_kb_after\":%ld,", N, connected, closedc, tc, N ? (c1 - c0) * 1e6 / N : 0, r0, r1, N ? (double)(r1 - r0) / N : 0, r2);
  printf("\"published\":%lu,\"pub_err\":%lu,\"pub_per_s\":%.0f,\"pub_p50_us\":%u,\"pub_p99_us\":%u,\"expected\":%lu,\"deliveries\":%lu,\"gaps\":%lu,\"dups\":%lu,\"elapsed_s\":%.2f,\"deliv_per_s\":%.0f,", published, puberr, published / te, nplat ? plat[nplat / 2] : 0, nplat ? plat[nplat * 99 / 100] : 0, want, deliveries, gaps, dups, te, deliveries / te);
  printf("\"srv_cpu_s\":%.2f,\"srv_cpu_us_per_delivery\":%.2f,\"srv_sys_share\":%.2f,\"client_cpu_s\":%.2f,\"lat_p50_us\":%u,\"lat_p99_us\":%u,\"lat_max_us\":%u,\"bytes_per_delivery\":%.0f}\n", c2 - c1, deliveries ? (c2 - c1) * 1e6 / deliveries : 0, c2 > c1 ? (s2 - s1) / (c2 - c1) : 0, mycpu, k ? lat[k / 2] : 0, k ? lat[k * 99 / 100] : 0, k ? lat[k - 1] : 0, deliveries ? (double)bytes / deliveries : 0);
  return 0;
}
