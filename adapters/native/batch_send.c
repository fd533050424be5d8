/* One frame to many sockets in one call: what a fan-out costs once Python has nothing left to do.
 *
 * Sockets are non-blocking; nothing here waits. With io_uring (Linux 6.1 and newer, where it is allowed)
 * RING_ENTRIES sends enter the kernel together; otherwise, and when the ring fails, each is a send(2).
 * Called by ctypes, which releases the interpreter's lock meanwhile. One sender belongs to one thread.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#if defined(__linux__) && defined(__has_include)
#if __has_include(<linux/io_uring.h>)
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#if defined(IORING_SETUP_SINGLE_ISSUER) && defined(IORING_SETUP_DEFER_TASKRUN) && defined(__NR_io_uring_setup)
#define HAS_RING 1
#endif
#endif
#endif

enum { RING_ENTRIES = 512, RING_TRIES = 1000, BROKEN = -1, NOT_ASKED = -2 };

typedef struct {
  int ring; /* -1: send(2) only */
#ifdef HAS_RING
  void *queue;
  size_t queue_size;
  struct io_uring_sqe *entries;
  size_t entries_size;
  unsigned *tail, *mask, *array;
  _Atomic unsigned *done_head, *done_tail;
  unsigned *done_mask;
  struct io_uring_cqe *done;
#endif
} sender;

static long result_of(long got) {
  if (got >= 0) return got;
  return got == -EAGAIN || got == -EWOULDBLOCK || got == -EINTR || got == -ENOBUFS || got == -ENOMEM ? 0 : BROKEN;
}

static long send_one(int fd, const void *frame, size_t size) {
  ssize_t got = send(fd, frame, size, MSG_NOSIGNAL | MSG_DONTWAIT);
  return result_of(got < 0 ? -errno : got);
}

#ifdef HAS_RING
static void close_ring(sender *s) {
  if (s->queue) munmap(s->queue, s->queue_size);
  if (s->entries) munmap(s->entries, s->entries_size);
  if (s->ring >= 0) close(s->ring);
  memset(s, 0, sizeof *s);
  s->ring = -1;
}

static void open_ring(sender *s) {
  struct io_uring_params p = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN};
  s->ring = (int)syscall(__NR_io_uring_setup, RING_ENTRIES, &p);
  if (s->ring < 0) return;
  if (!(p.features & IORING_FEAT_SINGLE_MMAP)) { close_ring(s); return; }
  size_t submissions = p.sq_off.array + p.sq_entries * sizeof(unsigned);
  size_t completions = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
  s->queue_size = submissions > completions ? submissions : completions;
  s->entries_size = p.sq_entries * sizeof(struct io_uring_sqe);
  void *queue = mmap(NULL, s->queue_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, s->ring, IORING_OFF_SQ_RING);
  if (queue == MAP_FAILED) { close_ring(s); return; }
  s->queue = queue;
  void *entries = mmap(NULL, s->entries_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, s->ring, IORING_OFF_SQES);
  if (entries == MAP_FAILED) { close_ring(s); return; }
  s->entries = entries;
  char *base = queue;
  s->tail = (unsigned *)(base + p.sq_off.tail);
  s->mask = (unsigned *)(base + p.sq_off.ring_mask);
  s->array = (unsigned *)(base + p.sq_off.array);
  s->done_head = (_Atomic unsigned *)(base + p.cq_off.head);
  s->done_tail = (_Atomic unsigned *)(base + p.cq_off.tail);
  s->done_mask = (unsigned *)(base + p.cq_off.ring_mask);
  s->done = (struct io_uring_cqe *)(base + p.cq_off.cqes);
}

/* Sends to fds[0..count), all of them open; writes each result to got. 0: the ring is of no use any more. */
static int send_by_ring(sender *s, const int *fds, int count, const void *frame, size_t size, long *got) {
  unsigned tail = *s->tail;
  for (int i = 0; i < count; i++) {
    unsigned slot = (tail + i) & *s->mask;
    struct io_uring_sqe *e = &s->entries[slot];
    memset(e, 0, sizeof *e);
    e->opcode = IORING_OP_SEND;
    e->fd = fds[i];
    e->addr = (uintptr_t)frame;
    e->len = (unsigned)size;
    e->msg_flags = MSG_NOSIGNAL | MSG_DONTWAIT;
    e->user_data = (unsigned)i;
    s->array[slot] = slot;
  }
  atomic_store_explicit((_Atomic unsigned *)s->tail, tail + count, memory_order_release);
  int entered = 0, ended = 0;
  for (int tries = 0; ended < count; tries++) {
    if (tries == RING_TRIES) return 0;
    long took = syscall(__NR_io_uring_enter, s->ring, count - entered, count - ended, IORING_ENTER_GETEVENTS, NULL, 0);
    if (took < 0 && errno != EINTR && errno != EAGAIN && errno != EBUSY) return 0;
    if (took > 0) entered += (int)took;
    unsigned head = atomic_load_explicit(s->done_head, memory_order_relaxed);
    unsigned end = atomic_load_explicit(s->done_tail, memory_order_acquire);
    for (; head != end; head++, ended++) {
      struct io_uring_cqe *c = &s->done[head & *s->done_mask];
      got[c->user_data] = result_of(c->res);
    }
    atomic_store_explicit(s->done_head, head, memory_order_release);
  }
  return 1;
}
#endif

sender *batch_open(int want_ring) {
  sender *s = calloc(1, sizeof *s);
  if (!s) return NULL;
  s->ring = -1;
#ifdef HAS_RING
  if (want_ring) open_ring(s);
#else
  (void)want_ring;
#endif
  return s;
}

int batch_uses_ring(const sender *s) { return s->ring >= 0; }

void batch_close(sender *s) {
#ifdef HAS_RING
  close_ring(s);
#endif
  free(s);
}

/* Sends the frame to each of fds. Answers how many did not take all of it; index[k] is whose it is, sent[k] how
 * many bytes went: BROKEN for a dead socket, NOT_ASKED for a negative descriptor. Both have room for count. */
int batch_send(sender *s, const int *fds, int count, const void *frame, size_t size, int *index, long *sent) {
  int troubles = 0;
  for (int start = 0; start < count;) {
    int asked[RING_ENTRIES], whose[RING_ENTRIES], n = 0;
    long got[RING_ENTRIES];
    for (; start < count && n < RING_ENTRIES; start++) {
      if (fds[start] < 0) {
        index[troubles] = start;
        sent[troubles++] = NOT_ASKED;
      } else {
        asked[n] = fds[start];
        whose[n++] = start;
      }
    }
#ifdef HAS_RING
    /* A ring that failed midway leaves some without a result: what they got is not known, so they are broken. */
    for (int i = 0; i < n; i++) got[i] = BROKEN;
    if (s->ring >= 0) {
      if (n && !send_by_ring(s, asked, n, frame, size, got)) close_ring(s);
    } else
#endif
      for (int i = 0; i < n; i++) got[i] = send_one(asked[i], frame, size);
    for (int i = 0; i < n; i++)
      if (got[i] != (long)size) {
        index[troubles] = whose[i];
        sent[troubles++] = got[i];
      }
  }
  return troubles;
}
