// A libnccl.so.2 for tests: it moves real bytes between processes of one machine by sockets, from memory
// that is the host's, and checks its arguments. The environment may say how it is to misbehave:
//   FAKE_NCCL_VERSION  what ncclGetVersion says
//   FAKE_NCCL_HANG     the rank whose messages never move
//   FAKE_NCCL_NVLS     the value that NCCL_NVLS_ENABLE must have; 0 by default
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { Success, CudaError, SystemError, InternalError, InvalidArgument, InvalidUsage, RemoteError, InProgress };
#define MAGIC 0x6e63636cUL
#define MAXRANKS 64

typedef struct { char internal[128]; } Id;
typedef struct { size_t size; unsigned magic, version; int blocking; } Config;
typedef struct Op { struct Op *next; char *at; uint64_t bytes, done; uint64_t head; size_t headDone; } Op;
typedef struct { Op *first, **last; } Queue;
typedef struct Comm {
  unsigned long magic;
  int rank, size, fds[MAXRANKS];
  Id id;
  Queue out[MAXRANKS], in[MAXRANKS];
  int started, left;
  volatile int state, stop;
  pthread_t thread;
  int running;
} Comm;

static __thread int depth;         // of ncclGroupStart
static __thread Comm *groups;      // the communicator of the group's calls
static __thread int groupError;
static __thread char last[256];

static int fail(int code, const char *what) { snprintf(last, sizeof last, "%s", what); return code; }
static int number(const char *name, int other) { const char *s = getenv(name); return s ? atoi(s) : other; }
static int nvls(void) {
  const char *has = getenv("NCCL_NVLS_ENABLE"), *want = getenv("FAKE_NCCL_NVLS");
  return has && !strcmp(has, want ? want : "0");
}

int ncclGetVersion(int *v) { if (!v) return InvalidArgument; *v = number("FAKE_NCCL_VERSION", 22304); return Success; }
const char *ncclGetErrorString(int e) {
  static const char *text[] = {"no error", "unhandled cuda error", "unhandled system error", "internal error", "invalid argument", "invalid usage", "remote process exited or there was a network error", "NCCL operation in progress"};
  return e >= 0 && e < 8 ? text[e] : "unknown result code";
}
const char *ncclGetLastError(Comm *c) { return last; }

int ncclGetUniqueId(Id *id) {
  if (!id) return fail(InvalidArgument, "no room for the id");
  if (!nvls()) return fail(InvalidUsage, "NCCL_NVLS_ENABLE is not what was expected");
  memset(id, 0, sizeof *id);
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  snprintf(id->internal, sizeof id->internal, "fake-nccl-%d-%ld-%ld", getpid(), (long)t.tv_sec, t.tv_nsec);
  id->internal[127] = 0x5a;
  return Success;
}

static socklen_t name(struct sockaddr_un *a, Comm *c, int rank) {
  memset(a, 0, sizeof *a);
  a->sun_family = AF_UNIX; // an abstract name: no file is left behind
  int n = snprintf(a->sun_path + 1, sizeof a->sun_path - 1, "%s-%d", c->id.internal, rank);
  return offsetof(struct sockaddr_un, sun_path) + 1 + n;
}

// meet connects to all ranks below and takes those above.
static int meet(Comm *c) {
  struct sockaddr_un a;
  int hello[2] = {c->rank, c->size}, theirs[2], l = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  socklen_t n = name(&a, c, c->rank);
  if (l < 0 || bind(l, (struct sockaddr *)&a, n) || listen(l, MAXRANKS)) return SystemError; // the rank is there twice
  for (int i = 0; i < c->rank; i++) {
    int fd = -1;
    for (;;) {
      if (c->stop) { close(l); return InternalError; }
      fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      n = name(&a, c, i);
      if (!connect(fd, (struct sockaddr *)&a, n)) break;
      close(fd);
      usleep(2000);
    }
    c->fds[i] = fd;
    if (write(fd, hello, sizeof hello) != sizeof hello || read(fd, theirs, sizeof theirs) != sizeof theirs) { close(l); return RemoteError; }
    if (theirs[0] != i || theirs[1] != c->size) { close(l); return InvalidUsage; }
  }
  for (int left = c->size - 1 - c->rank; left > 0;) {
    struct pollfd p = {l, POLLIN, 0};
    if (c->stop) { close(l); return InternalError; }
    if (poll(&p, 1, 10) <= 0) continue;
    int fd = accept4(l, 0, 0, SOCK_CLOEXEC);
    if (fd < 0 || read(fd, theirs, sizeof theirs) != sizeof theirs || write(fd, hello, sizeof hello) != sizeof hello) { close(l); return RemoteError; }
    if (theirs[1] != c->size || theirs[0] <= c->rank || theirs[0] >= c->size || c->fds[theirs[0]] >= 0) { close(l); return InvalidUsage; }
    c->fds[theirs[0]] = fd;
    left--;
  }
  close(l);
  for (int i = 0; i < c->size; i++) if (c->fds[i] >= 0) fcntl(c->fds[i], F_SETFL, O_NONBLOCK);
  return Success;
}

static void *joining(void *p) { Comm *c = p; int r = meet(c); __sync_synchronize(); c->state = r; return 0; }

// part moves a part of an op; 1: moved, 0: would block, -1: the other side is gone or disagrees.
static int part(int fd, Op *o, int out, int *code) {
  ssize_t n;
  if (o->headDone < sizeof o->head) {
    if (out && !o->headDone) o->head = o->bytes;
    char *at = (char *)&o->head + o->headDone;
    n = out ? send(fd, at, sizeof o->head - o->headDone, MSG_NOSIGNAL) : read(fd, at, sizeof o->head - o->headDone);
    if (n > 0) {
      o->headDone += n;
      if (!out && o->headDone == sizeof o->head && o->head != o->bytes) { *code = InvalidArgument; return -1; }
      return 1;
    }
  } else {
    size_t want = o->bytes - o->done;
    if (want > 1 << 16) want = 1 << 16;
    n = out ? send(fd, o->at + o->done, want, MSG_NOSIGNAL) : read(fd, o->at + o->done, want);
    if (n > 0) { o->done += n; return 1; }
  }
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  *code = RemoteError;
  return -1;
}

static void empty(Queue *q) { while (q->first) { Op *o = q->first; q->first = o->next; free(o); } q->last = &q->first; }

// moving carries out a group.
static void *moving(void *p) {
  Comm *c = p;
  int code = Success;
  while (number("FAKE_NCCL_HANG", -1) == c->rank && !c->stop) usleep(1000);
  for (;;) {
    int left = 0, moved = 0;
    struct pollfd f[MAXRANKS];
    int n = 0;
    for (int i = 0; i < c->size && code == Success; i++) {
      short events = 0;
      for (int out = 0; out < 2 && code == Success; out++) {
        Queue *q = out ? &c->out[i] : &c->in[i];
        while (q->first) {
          int r = part(c->fds[i], q->first, out, &code);
          if (r < 0) break;
          if (!r) { events |= out ? POLLOUT : POLLIN; break; }
          moved = 1;
          Op *o = q->first;
          if (o->headDone == sizeof o->head && o->done == o->bytes) { q->first = o->next; if (!q->first) q->last = &q->first; free(o); }
        }
        if (q->first) left = 1;
      }
      if (events) { f[n].fd = c->fds[i]; f[n++].events = events; }
    }
    if (c->stop) code = InternalError;
    if (code != Success || !left) break;
    if (!moved) poll(f, n, 10);
  }
  for (int i = 0; i < c->size; i++) { empty(&c->in[i]); empty(&c->out[i]); }
  __sync_synchronize();
  c->state = code;
  return 0;
}

static int begin(Comm *c, void *(*f)(void *)) {
  c->state = InProgress;
  if (c->running) pthread_join(c->thread, 0);
  c->running = !pthread_create(&c->thread, 0, f, c);
  if (!c->running) c->state = SystemError;
  return c->running ? InProgress : SystemError;
}

int ncclCommInitRankConfig(Comm **to, int size, Id id, int rank, Config *config) {
  if (!to || !config || config->magic != 0xcafebeef || config->size < sizeof(Config) || config->version < 21400) return fail(InvalidArgument, "config");
  if (config->blocking != 0) return fail(InvalidArgument, "this library has no blocking communicators");
  if (size < 1 || size > MAXRANKS || rank < 0 || rank >= size) return fail(InvalidArgument, "rank or number of ranks");
  if (strncmp(id.internal, "fake-nccl-", 10) || id.internal[127] != 0x5a) return fail(InvalidArgument, "the id is none of this library, or was not passed whole");
  if (!nvls()) return fail(InvalidUsage, "NCCL_NVLS_ENABLE is not what was expected");
  Comm *c = calloc(1, sizeof *c);
  c->magic = MAGIC; c->rank = rank; c->size = size; c->id = id;
  for (int i = 0; i < MAXRANKS; i++) { c->fds[i] = -1; c->in[i].last = &c->in[i].first; c->out[i].last = &c->out[i].first; }
  *to = c;
  return begin(c, joining);
}

static int bad(Comm *c) { return !c || c->magic != MAGIC; }

int ncclCommGetAsyncError(Comm *c, int *code) {
  if (bad(c) || !code) return fail(InvalidArgument, "communicator");
  *code = c->state;
  return Success;
}

int ncclGroupStart(void) { depth++; if (depth == 1) { groups = 0; groupError = Success; } return Success; }

static int add(Comm *c, const void *at, size_t count, int type, int peer, int out) {
  int code = Success;
  if (bad(c)) return fail(InvalidArgument, "communicator");
  if (!depth) return fail(InvalidUsage, "outside of a group, where it could block for ever");
  if (c->state != Success) code = fail(InvalidUsage, "the communicator is not ready");
  else if (groups && groups != c) code = fail(InvalidUsage, "two communicators in a group");
  else if (peer < 0 || peer >= c->size || peer == c->rank) code = fail(InvalidArgument, "peer");
  else if (type != 0 && type != 1) code = fail(InvalidArgument, "type");
  else if (!at || !count) code = fail(InvalidArgument, "buffer");
  if (code != Success) { groupError = code; return code; }
  groups = c;
  Queue *q = out ? &c->out[peer] : &c->in[peer];
  Op *o = calloc(1, sizeof *o);
  o->at = (char *)at; o->bytes = count;
  *q->last = o; q->last = &o->next;
  return Success;
}
int ncclSend(const void *at, size_t count, int type, int peer, Comm *c, void *stream) { return add(c, at, count, type, peer, 1); }
int ncclRecv(void *at, size_t count, int type, int peer, Comm *c, void *stream) { return add(c, at, count, type, peer, 0); }

int ncclGroupEnd(void) {
  if (!depth) return fail(InvalidUsage, "no group was begun");
  if (--depth) return Success;
  if (groupError != Success) { if (groups) for (int i = 0; i < groups->size; i++) { empty(&groups->in[i]); empty(&groups->out[i]); } return groupError; }
  return groups ? begin(groups, moving) : Success;
}

static void end(Comm *c) {
  c->stop = 1;
  if (c->running) pthread_join(c->thread, 0);
  for (int i = 0; i < c->size; i++) if (c->fds[i] >= 0) close(c->fds[i]);
  c->magic = 0;
  free(c);
}
int ncclCommAbort(Comm *c) { if (bad(c)) return fail(InvalidArgument, "communicator"); end(c); return Success; }
int ncclCommDestroy(Comm *c) {
  if (bad(c)) return fail(InvalidArgument, "communicator");
  if (c->state == InProgress) return fail(InvalidUsage, "something is under way");
  end(c);
  return Success;
}
