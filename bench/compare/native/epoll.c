// An echo server on a bare, level-triggered loop over epoll: the least that a program with
// epoll does. One thread and one buffer, whose size is the argument.

#include "common.h"
#include <sys/epoll.h>

// The bytes of a connection that its socket did not take.
static struct rest {
	char *bytes;
	size_t size;
} rests[MOST];

static int epoll;

static void request(int op, int fd, uint32_t events) {
	struct epoll_event e = {.events = events, .data.fd = fd};
	if (epoll_ctl(epoll, op, fd, &e) != 0)
		die("epoll_ctl");
}

static void drop(int fd) {
	free(rests[fd].bytes);
	rests[fd] = (struct rest){0};
	close(fd);
}

// push sends n bytes and returns how many the socket did not take, or -1.
static ssize_t push(int fd, const char *p, size_t n) {
	while (n > 0) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
		if (sent >= 0)
			p += sent, n -= sent;
		else if (errno == EAGAIN)
			break;
		else if (errno != EINTR)
			return -1;
	}
	return n;
}

static void echo(int fd, char *buffer, size_t size) {
	ssize_t n = recv(fd, buffer, size, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	ssize_t left = n <= 0 ? -1 : push(fd, buffer, n);
	if (left < 0) {
		drop(fd);
	} else if (left > 0) { // reads no more until the rest is sent
		rests[fd] = (struct rest){memcpy(malloc(left), buffer + n - left, left), left};
		request(EPOLL_CTL_MOD, fd, EPOLLOUT);
	}
}

static void flush(int fd) {
	struct rest *r = &rests[fd];
	ssize_t left = push(fd, r->bytes, r->size);
	if (left < 0) {
		drop(fd);
	} else if (left > 0) {
		memmove(r->bytes, r->bytes + r->size - left, left);
		r->size = left;
	} else {
		free(r->bytes);
		*r = (struct rest){0};
		request(EPOLL_CTL_MOD, fd, EPOLLIN);
	}
}

static void accept_all(int listener) {
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= MOST)
			close(fd);
		else if (fd >= 0)
			request(EPOLL_CTL_ADD, fd, EPOLLIN);
		else if (errno == EAGAIN)
			return;
		else if (errno != EINTR && errno != ECONNABORTED)
			die("accept");
	}
}

int main(int words, char **arguments) {
	static struct epoll_event events[128];
	static char command[4096];
	size_t size = words > 1 ? atoi(arguments[1]) : 4096;
	char *buffer = malloc(size);
	raise_limit();
	if ((epoll = epoll_create1(EPOLL_CLOEXEC)) < 0)
		die("epoll_create1");
	int listener = open_listener(SOCK_NONBLOCK);
	request(EPOLL_CTL_ADD, listener, EPOLLIN);
	request(EPOLL_CTL_ADD, 0, EPOLLIN);
	for (;;) {
		int n = epoll_wait(epoll, events, 128, -1);
		if (n < 0 && errno != EINTR)
			die("epoll_wait");
		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;
			if (fd == 0)
				obey(command, read(0, command, sizeof command));
			else if (fd == listener)
				accept_all(listener);
			else if (rests[fd].size > 0)
				flush(fd);
			else
				echo(fd, buffer, size);
		}
	}
}
