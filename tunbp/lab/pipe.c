/* Carries packets between two tun devices in two network namespaces, and nothing else: no socket, no cryptography.
   With it senders meet the driver itself.

   Usage: pipe DEVICE FLAGS QUEUES NAMESPACE NAMESPACE. Each queue has a thread for each way. Prints the flags that
   TUNGETIFF echoes for both devices when it is ready, and carries packets until it is killed. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MOST 64
#define LARGEST 65536

struct way {
	int from, to;
};

static void check(int failed, const char *what)
{
	if (failed) {
		fprintf(stderr, "pipe: %s: %s\n", what, strerror(errno));
		exit(1);
	}
}

static void *carry(void *argument)
{
	struct way *way = argument;
	char *packet = malloc(LARGEST);
	ssize_t bytes;

	check(!packet, "memory");
	for (;;) {
		bytes = read(way->from, packet, LARGEST);
		if (bytes > 0 && write(way->to, packet, (size_t)bytes) < 0 && errno != EIO)
			check(errno != ENOBUFS && errno != EINVAL, "write");	/* EIO: that end is not up yet */
		else if (bytes < 0 && errno != EINTR)
			check(errno != EIO && errno != EBADFD, "read");
	}
	return NULL;
}

/* Open all queues of one device in a namespace; prints the echoed flags of the first. */
static void open_queues(const char *space, const char *device, short flags, int queues, int *fds)
{
	struct ifreq echo;
	int here = open(space, O_RDONLY), i;

	check(here < 0, space);
	check(setns(here, CLONE_NEWNET), "setns");
	close(here);
	for (i = 0; i < queues; i++) {
		struct ifreq request = {.ifr_flags = (short)(IFF_TUN | IFF_NO_PI | (queues > 1 ? IFF_MULTI_QUEUE : 0))};

		/* the flag belongs to the device: it can only be set while there is no other queue */
		request.ifr_flags |= flags;
		snprintf(request.ifr_name, IFNAMSIZ, "%s", device);
		fds[i] = open("/dev/net/tun", O_RDWR);
		check(fds[i] < 0, "/dev/net/tun");
		check(ioctl(fds[i], TUNSETIFF, &request), "TUNSETIFF");
		memset(&echo, 0, sizeof(echo));
		check(ioctl(fds[i], TUNGETIFF, &echo), "TUNGETIFF");
		if (i == 0)
			printf("%d\n", (unsigned short)echo.ifr_flags);
	}
}

int main(int count, char **arguments)
{
	static int left[MOST], right[MOST];
	static struct way ways[2 * MOST];
	int queues = count == 6 ? atoi(arguments[3]) : 0, i;
	short flags;
	pthread_t thread;

	if (queues < 1 || queues > MOST) {
		fprintf(stderr, "usage: pipe DEVICE FLAGS QUEUES NAMESPACE NAMESPACE (at most %d queues)\n", MOST);
		return 2;
	}
	flags = (short)strtoul(arguments[2], NULL, 0);
	open_queues(arguments[4], arguments[1], flags, queues, left);
	open_queues(arguments[5], arguments[1], flags, queues, right);
	fflush(stdout);
	for (i = 0; i < queues; i++) {
		ways[2 * i] = (struct way){left[i], right[i]};
		ways[2 * i + 1] = (struct way){right[i], left[i]};
		check(pthread_create(&thread, NULL, carry, &ways[2 * i]), "thread");
		check(pthread_create(&thread, NULL, carry, &ways[2 * i + 1]), "thread");
	}
	pause();
	return 0;
}
