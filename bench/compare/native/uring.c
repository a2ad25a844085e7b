// An echo server on io_uring, without a library: one thread, one ring. Connections are
// accepted by one operation, and received from by one operation each, into a ring of up to
// 256 buffers that the kernel picks from. The size of a buffer is the argument. What a turn
// of the loop submits goes in with the wait of the next.
//
// One operation that receives many times is cheaper here than one for each message, by 10 %.

#include "common.h"
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define BUFFERS 256 // at most, a power of two
#define ENTRIES 1024
#define CACHED (8 << 20) // the kernel uses buffers in turn: more would not stay in the cache

enum { ACCEPT, COMMAND, RECEIVE, SEND };

static struct {
	int fd;
	unsigned *sq_head, *sq_tail, sq_mask, *cq_head, *cq_tail, cq_mask;
	unsigned tail; // of the submissions not yet seen by the kernel
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
} ring;

static struct io_uring_buf_ring *buffers;
static char *memory;
static size_t size;
static int count; // of buffers, a power of two

// A buffer with bytes to send waits behind others of its connection: next is its number.
static struct {
	int next, n, sent;
} held[BUFFERS];

// A connection sends from the first of its buffers. -1 is none.
static struct {
	int first, last;
	char ended;   // nothing more will be received
	char starved; // there was no buffer, so it must ask again
	char asked;   // has an operation that receives
} conns[MOST];

static int starving[MOST], hungry; // the connections that are starved
static char command[4096];

static int enter(unsigned wait) {
	unsigned n = ring.tail - __atomic_load_n(ring.sq_head, __ATOMIC_ACQUIRE);
	__atomic_store_n(ring.sq_tail, ring.tail, __ATOMIC_RELEASE);
	return syscall(SYS_io_uring_enter, ring.fd, n, wait, IORING_ENTER_GETEVENTS, NULL, 0);
}

static struct io_uring_sqe *next(int kind, int fd, int op) {
	while (ring.tail - __atomic_load_n(ring.sq_head, __ATOMIC_ACQUIRE) > ring.sq_mask)
		if (enter(0) < 0 && errno != EINTR && errno != EBUSY && errno != EAGAIN)
			die("io_uring_enter");
	struct io_uring_sqe *e = &ring.sqes[ring.tail++ & ring.sq_mask];
	memset(e, 0, sizeof *e);
	e->opcode = op;
	e->fd = fd;
	e->user_data = (uint64_t)kind << 32 | (uint32_t)fd;
	return e;
}

static void accept_more(int listener) {
	struct io_uring_sqe *e = next(ACCEPT, listener, IORING_OP_ACCEPT);
	e->accept_flags = SOCK_CLOEXEC;
	e->ioprio = IORING_ACCEPT_MULTISHOT;
}

static void command_more(void) {
	struct io_uring_sqe *e = next(COMMAND, 0, IORING_OP_READ);
	e->addr = (uintptr_t)command;
	e->len = sizeof command;
	e->off = -1;
}

static void receive_more(int fd) {
	struct io_uring_sqe *e = next(RECEIVE, fd, IORING_OP_RECV);
	e->ioprio = IORING_RECV_MULTISHOT;
	e->flags = IOSQE_BUFFER_SELECT;
	e->buf_group = 0;
	conns[fd].asked = 1;
}

static void send_first(int fd) {
	int b = conns[fd].first;
	struct io_uring_sqe *e = next(SEND, fd, IORING_OP_SEND);
	e->addr = (uintptr_t)(memory + b * size + held[b].sent);
	e->len = held[b].n - held[b].sent;
	e->msg_flags = MSG_NOSIGNAL | MSG_WAITALL;
}

static void give_back(int b) {
	struct io_uring_buf *e = &buffers->bufs[buffers->tail & (count - 1)];
	e->addr = (uintptr_t)(memory + b * size);
	e->len = size;
	e->bid = b;
	__atomic_store_n(&buffers->tail, buffers->tail + 1, __ATOMIC_RELEASE);
	if (hungry > 0) {
		int fd = starving[--hungry];
		conns[fd].starved = 0;
		receive_more(fd);
	}
}

// end closes a connection that no operation uses any more.
static void end(int fd) {
	if (conns[fd].ended && !conns[fd].asked && !conns[fd].starved && conns[fd].first < 0)
		close(fd);
}

static void accepted(const struct io_uring_cqe *c, int listener) {
	if (c->res >= MOST) {
		close(c->res);
	} else if (c->res >= 0) {
		memset(&conns[c->res], 0, sizeof conns[0]);
		conns[c->res].first = -1;
		receive_more(c->res);
	}
	if (!(c->flags & IORING_CQE_F_MORE))
		accept_more(listener);
}

static void received(const struct io_uring_cqe *c, int fd) {
	conns[fd].asked = (c->flags & IORING_CQE_F_MORE) != 0;
	if (c->res > 0) {
		int b = c->flags >> IORING_CQE_BUFFER_SHIFT;
		held[b].n = c->res, held[b].sent = 0, held[b].next = -1;
		if (conns[fd].first < 0) {
			conns[fd].first = conns[fd].last = b;
			send_first(fd);
		} else {
			held[conns[fd].last].next = b;
			conns[fd].last = b;
		}
	}
	if (conns[fd].asked)
		return;
	if (c->res == -ENOBUFS && !conns[fd].ended) { // give_back asks again
		conns[fd].starved = 1;
		starving[hungry++] = fd;
	} else if (c->res > 0 && !conns[fd].ended) {
		receive_more(fd);
	} else {
		conns[fd].ended = 1;
		end(fd);
	}
}

// sent gives the buffer back, and sends the next one. After an error it gives all back:
// then the operation that receives ends, too.
static void sent(const struct io_uring_cqe *c, int fd) {
	int b = conns[fd].first;
	if (c->res > 0 && (held[b].sent += c->res) < held[b].n) {
		send_first(fd);
		return;
	}
	if (c->res <= 0) {
		conns[fd].ended = 1;
		shutdown(fd, SHUT_RDWR);
	}
	do {
		b = conns[fd].first;
		conns[fd].first = held[b].next;
		give_back(b);
	} while (conns[fd].ended && c->res <= 0 && conns[fd].first >= 0);
	if (conns[fd].first >= 0)
		send_first(fd);
	else
		end(fd);
}

static void *map(size_t n, off_t at) {
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring.fd, at);
	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

static void open_ring(void) {
	struct io_uring_params p = {.cq_entries = 16 * ENTRIES};
	p.flags = IORING_SETUP_CQSIZE | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
	if ((ring.fd = syscall(SYS_io_uring_setup, ENTRIES, &p)) < 0)
		die("io_uring_setup");
	char *sq = map(p.sq_off.array + p.sq_entries * 4, IORING_OFF_SQ_RING);
	char *cq = map(p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe), IORING_OFF_CQ_RING);
	ring.sqes = map(p.sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
	ring.sq_head = (unsigned *)(sq + p.sq_off.head);
	ring.sq_tail = (unsigned *)(sq + p.sq_off.tail);
	ring.sq_mask = *(unsigned *)(sq + p.sq_off.ring_mask);
	ring.cq_head = (unsigned *)(cq + p.cq_off.head);
	ring.cq_tail = (unsigned *)(cq + p.cq_off.tail);
	ring.cq_mask = *(unsigned *)(cq + p.cq_off.ring_mask);
	ring.cqes = (struct io_uring_cqe *)(cq + p.cq_off.cqes);
	for (unsigned i = 0; i < p.sq_entries; i++)
		((unsigned *)(sq + p.sq_off.array))[i] = i;
}

static void open_buffers(void) {
	for (count = BUFFERS; count > 16 && count * size > CACHED; count /= 2)
		;
	memory = malloc(count * size);
	buffers = mmap(NULL, count * sizeof(struct io_uring_buf), PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
	struct io_uring_buf_reg r = {.ring_addr = (uintptr_t)buffers, .ring_entries = count};
	if (buffers == MAP_FAILED || syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_PBUF_RING, &r, 1) != 0)
		die("io_uring_register");
	for (int b = 0; b < count; b++)
		give_back(b);
}

static void completed(const struct io_uring_cqe *c) {
	int fd = (uint32_t)c->user_data;
	switch (c->user_data >> 32) {
	case ACCEPT:
		accepted(c, fd);
		break;
	case COMMAND:
		obey(command, c->res);
		command_more();
		break;
	case RECEIVE:
		received(c, fd);
		break;
	case SEND:
		sent(c, fd);
	}
}

int main(int words, char **arguments) {
	size = words > 1 ? atoi(arguments[1]) : 4096;
	raise_limit();
	open_ring();
	open_buffers();
	accept_more(open_listener(0));
	command_more();
	for (;;) {
		if (enter(1) < 0 && errno != EINTR && errno != EBUSY && errno != EAGAIN)
			die("io_uring_enter");
		unsigned head = *ring.cq_head, tail = __atomic_load_n(ring.cq_tail, __ATOMIC_ACQUIRE);
		for (; head != tail; head++) {
			struct io_uring_cqe c = ring.cqes[head & ring.cq_mask];
			__atomic_store_n(ring.cq_head, head + 1, __ATOMIC_RELEASE);
			completed(&c);
		}
	}
}
