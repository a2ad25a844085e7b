// What both programs in C have: the listener, and the answers to the process that
// started them. They are servers as bench/internal/echo describes them at Program.Command.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST 65536 // descriptors

// die reports an error as the answer to what comes next.
static void die(const char *what) {
	printf("{\"Error\":\"%s: %s\"}\n", what, strerror(errno));
	fflush(stdout);
	exit(1);
}

// Go raises the limit of descriptors for itself, but not for its children.
static void raise_limit(void) {
	struct rlimit r;
	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max < MOST ? r.rlim_max : MOST;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

// open_listener listens at a free port of the loopback address, and prints the address.
// What it accepts inherits TCP_NODELAY.
static int open_listener(int flags) {
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof a;
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
	    listen(fd, 65535) != 0 || getsockname(fd, (struct sockaddr *)&a, &size) != 0)
		die("listen");
	printf("{\"Value\":\"127.0.0.1:%d\"}\n", ntohs(a.sin_port));
	fflush(stdout);
	return fd;
}

static long long own_cpu(void) {
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000LL + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000LL;
}

static long long own_memory(void) {
	long long whole = 0, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	if (f == NULL || fscanf(f, "%lld %lld", &whole, &resident) != 2)
		die("/proc/self/statm");
	fclose(f);
	return resident * sysconf(_SC_PAGESIZE);
}

// obey answers a command. They come one at a time, so one read has a whole line.
static void obey(const char *command, ssize_t n) {
	if (n <= 0) // the parent has closed its end
		exit(0);
	if (memmem(command, n, "\"cpu\"", 5) != NULL)
		printf("{\"Value\":%lld}\n", own_cpu());
	else if (memmem(command, n, "\"memory\"", 8) != NULL)
		printf("{\"Value\":{\"Resident\":%lld}}\n", own_memory());
	else
		printf("{\"Error\":\"unknown command\"}\n");
	fflush(stdout);
}
