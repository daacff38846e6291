/* A tunnel of one thread whose every constant is known: packets of one tun device are read one by one, each takes
   SERVICE nanoseconds, and appear DELAY nanoseconds later at the other device; the way back takes DELAY alone.

   Usage: line NAMESPACE NAMESPACE SERVICE DELAY [NUMBER ...]. Packets with data are counted from 1; those with a NUMBER
   are lost behind the reader. Prints "ready"; at its end (SIGTERM) one line for each packet with data:
   nanoseconds, sequence number, bytes of data, whether it was lost, nanoseconds by which it was handed over late. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define SLOTS 65536
#define LARGEST 2048
#define MOST 4000000

struct packet {
	int64_t due;
	int bytes, number;
	char data[LARGEST];
};

struct record {
	int64_t at, late;
	uint32_t seq;
	int bytes, lost;
};

static struct packet *there, *back;
static struct record *records;
static volatile sig_atomic_t ended;

static void end(int number)
{
	(void)number;
	ended = 1;
}

static void check(int failed, const char *what)
{
	if (failed) {
		fprintf(stderr, "line: %s: %s\n", what, strerror(errno));
		exit(1);
	}
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int device(const char *space)
{
	struct ifreq request = {.ifr_name = "tun0", .ifr_flags = IFF_TUN | IFF_NO_PI};
	int here = open(space, O_RDONLY), fd;

	check(here < 0, space);
	check(setns(here, CLONE_NEWNET), "setns");
	close(here);
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
	check(fd < 0, "/dev/net/tun");
	check(ioctl(fd, TUNSETIFF, &request), "TUNSETIFF");
	return fd;
}

static int data_bytes(const char *packet, int bytes, uint32_t *seq)
{
	int ip = (packet[0] & 15) * 4, tcp;

	if (bytes < 40 || (packet[0] >> 4) != 4 || packet[9] != 6)
		return 0;
	tcp = ((unsigned char)packet[ip + 12] >> 4) * 4;
	memcpy(seq, packet + ip + 4, 4);
	*seq = ntohl(*seq);
	return bytes - ip - tcp;
}

int main(int count, char **arguments)
{
	int left, right, lost = 5, number = 0, i;
	uint32_t t_head = 0, t_tail = 0, b_head = 0, b_tail = 0;
	int64_t service, delay, free_at = 0, t;

	if (count < 5) {
		fprintf(stderr, "usage: line NAMESPACE NAMESPACE SERVICE DELAY [NUMBER ...]\n");
		return 2;
	}
	service = atoll(arguments[3]);
	delay = atoll(arguments[4]);
	there = calloc(SLOTS, sizeof(*there));
	back = calloc(SLOTS, sizeof(*back));
	records = calloc(MOST, sizeof(*records));
	check(!there || !back || !records, "memory");
	mlockall(MCL_CURRENT);
	left = device(arguments[1]);
	right = device(arguments[2]);
	signal(SIGTERM, end);
	printf("ready\n");
	fflush(stdout);
	while (!ended) {
		t = now();
		while (t_head != t_tail && there[t_head % SLOTS].due <= t) {
			struct packet *p = &there[t_head++ % SLOTS];
			if (p->number)
				records[p->number - 1].late = t - p->due;
			if (write(right, p->data, p->bytes) < 0)
				check(errno != EIO, "write");
		}
		while (b_head != b_tail && back[b_head % SLOTS].due <= t) {
			struct packet *p = &back[b_head++ % SLOTS];
			if (write(left, p->data, p->bytes) < 0)
				check(errno != EIO, "write");
		}
		/* it never spins: the kernel would hold a real-time process back for 50 ms of each second */
		{
			int64_t next = t + 100000000;
			struct pollfd ready[2] = {{.fd = right, .events = POLLIN}, {.fd = left, .events = POLLIN}};

			if (t_head != t_tail && there[t_head % SLOTS].due < next)
				next = there[t_head % SLOTS].due;
			if (b_head != b_tail && back[b_head % SLOTS].due < next)
				next = back[b_head % SLOTS].due;
			if (t < free_at && free_at < next)
				next = free_at;
			if (next > t) {
				struct timespec rest = {(next - t) / 1000000000, (next - t) % 1000000000};
				ppoll(ready, t >= free_at ? 2 : 1, &rest, NULL);
				t = now();
			}
		}
		if (t >= free_at) {
			struct packet *p = &there[t_tail % SLOTS];
			p->bytes = read(left, p->data, LARGEST);
			if (p->bytes > 0) {
				uint32_t seq = 0;
				int bytes = data_bytes(p->data, p->bytes, &seq), gone = 0;
				/* a reader that fell behind by little catches up: its rate is exact */
				free_at = (t - free_at < 200000 ? free_at : t) + service;
				p->due = free_at + delay;
				p->number = 0;
				if (bytes > 0) {
					number++;
					gone = lost < count && number == atoi(arguments[lost]);
					lost += gone;
					check(number > MOST, "too many packets");
					p->number = number;
					records[number - 1] = (struct record){t, 0, seq, bytes, gone};
				}
				t_tail += !gone;
				check(t_tail - t_head >= SLOTS, "too many packets on their way");
			}
		}
		{
			struct packet *p = &back[b_tail % SLOTS];
			p->bytes = read(right, p->data, LARGEST);
			if (p->bytes > 0) {
				p->due = t + delay;
				b_tail++;
			}
		}
	}
	for (i = 0; i < number; i++)
		printf("%lld %u %d %d %lld\n", (long long)records[i].at, records[i].seq, records[i].bytes, records[i].lost,
		       (long long)records[i].late);
	return 0;
}
