/* Delay line for UDP: what arrives on one side leaves on the other, later.

   Each direction is a link (rate, buffer with tail drop), then loss, then a delay with jitter; packets keep their
   order. A packet's due time counts from the kernel's receive time stamp, so that a relay which wakes late hides
   nothing: lateness is the time after the send call minus the due time, of every packet, and is reported with the
   counts when SIGTERM comes. Usage: relay key=value..., see `keys` below. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/net_tstamp.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64
#define SLOT 2048		/* bytes of one packet */
#define HEADERS 28		/* IPv4 and UDP, which the link carries too */
#define SECONDS 3600		/* longest series of lateness by second */
#define SECOND 1000000000LL

static const int64_t EDGES[] = {50000, 100000, 200000, 500000, 1000000, 2000000, 5000000, 10000000};	/* ns */
#define BINS (sizeof(EDGES) / sizeof(EDGES[0]) + 1)
#define LATE 1000000		/* ns */
#define LONGEST_PAUSE 1000000	/* ns: what may wait in the socket buffer */

/* Settings, all overwritten by key=value. */
static char left[64], left_peer[64], right[64], right_peer[64];
static double port = 0, left_port = 0, right_port = 0, delay = 0, rate = 0, buffer = 1000, loss = 0, loss_burst = 1;
static double jitter = 0, capacity = 100000, quantum = 50e-6, seed = 1, fifo = 1, socket_buffer = 8388608;
static const struct {
	const char *name;
	double *number;
	char *text;
} keys[] = {
	{"left", 0, left}, {"left_peer", 0, left_peer},		/* our address on that side, and whom we serve there */
	{"right", 0, right}, {"right_peer", 0, right_peer},
	{"port", &port, 0},			/* UDP port of all four */
	{"left_port", &left_port, 0}, {"right_port", &right_port, 0},	/* of the peers, where they differ */
	{"delay", &delay, 0},			/* s, each direction */
	{"jitter", &jitter, 0},			/* s, uniform on both sides of the delay */
	{"rate", &rate, 0},			/* bit/s of IP packets, 0: no link */
	{"buffer", &buffer, 0},			/* packets waiting for the link or on it */
	{"loss", &loss, 0},			/* probability */
	{"loss_burst", &loss_burst, 0},		/* mean number of packets lost in a row */
	{"capacity", &capacity, 0},		/* packets that one direction can hold */
	{"quantum", &quantum, 0},		/* s, rounds are at least this far apart while packets wait */
	{"fifo", &fifo, 0},			/* ask for the real-time class */
	{"seed", &seed, 0}, {"socket_buffer", &socket_buffer, 0},
};

struct packet {
	int64_t leaves, due;	/* the link, the relay */
	uint32_t slot;
	uint32_t bytes;
};

struct direction {
	int in, out;
	struct packet *queue;	/* ring of `capacity` packets in the order they came */
	uint64_t head, link, tail;	/* next to send, first still on the link, next free; never reduced */
	int64_t link_free, last_due;
	int losing;
	unsigned long long received, bytes, forwarded, lost, dropped_buffer, dropped_capacity, send_errors;
	unsigned long long histogram[BINS], late_seconds[SECONDS], sent_seconds[SECONDS];
	int64_t latest;
	double lateness_sum;
};

static unsigned char *memory;
static uint32_t *unused;	/* stack: the slot that was freed last is warm and is taken first */
static uint64_t unused_count;
static struct direction ways[2];
static int64_t begun;
static volatile sig_atomic_t stopping;
static uint64_t random_state;

static void stop(int signal_number)
{
	(void)signal_number;
	stopping = 1;
}

static void die(const char *what)
{
	fprintf(stderr, "relay: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);	/* the clock of the kernel's receive time stamps */
	return t.tv_sec * SECOND + t.tv_nsec;
}

static double uniform(void)	/* xorshift64*, [0, 1) */
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (double)((random_state * 2685821657736338717ULL) >> 11) / 9007199254740992.0;
}

static struct sockaddr_in address(const char *text, double number)
{
	struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons((uint16_t)number)};

	if (inet_pton(AF_INET, text, &place.sin_addr) != 1) {
		fprintf(stderr, "relay: no IPv4 address: '%s'\n", text);
		exit(2);
	}
	return place;
}

static int open_socket(const char *here, const char *there, double peer_port)
{
	struct sockaddr_in local = address(here, port), remote = address(there, peer_port ? peer_port : port);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), one = 1, bytes = (int)socket_buffer;

	if (fd < 0 || bind(fd, (struct sockaddr *)&local, sizeof(local)) ||
	    connect(fd, (struct sockaddr *)&remote, sizeof(remote)) ||
	    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof(one)))
		die("socket");
	/* past net.core.rmem_max where permitted, up to it elsewhere; drops are counted either way */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)))
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	return fd;
}

/* The kernel's receive time of one message. */
static int64_t stamp(struct msghdr *message, int64_t otherwise)
{
	struct cmsghdr *part;

	for (part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part))
		if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_TIMESTAMPNS) {
			struct timespec t;

			memcpy(&t, CMSG_DATA(part), sizeof(t));
			return t.tv_sec * SECOND + t.tv_nsec;
		}
	return otherwise;
}

/* One arrived packet: link, loss, delay; true if it was put into the queue and keeps its slot. */
static int accept_packet(struct direction *way, uint32_t slot, uint32_t bytes, int64_t arrived)
{
	uint64_t room = (uint64_t)capacity;
	int64_t leaves = arrived, due;
	struct packet *entry;

	way->received++;
	way->bytes += bytes;
	if (rate > 0) {
		while (way->link < way->tail && way->queue[way->link % room].leaves <= arrived)
			way->link++;
		if (way->tail - way->link >= (uint64_t)buffer) {
			way->dropped_buffer++;
			return 0;
		}
		leaves = (way->link_free > arrived ? way->link_free : arrived) +
			 (int64_t)((bytes + HEADERS) * 8.0 / rate * 1e9);
		way->link_free = leaves;
	}
	if (loss > 0) {	/* Gilbert: runs of lost packets have the mean length loss_burst, their share is loss */
		double begin = loss / (loss_burst * (1 - loss));

		way->losing = way->losing ? uniform() >= 1 / loss_burst : uniform() < begin;
		if (loss_burst <= 1)
			way->losing = uniform() < loss;
		if (way->losing) {
			way->lost++;
			return 0;
		}
	}
	if (way->tail - way->head >= room) {
		way->dropped_capacity++;
		return 0;
	}
	due = leaves + (int64_t)(delay * 1e9);
	if (jitter > 0)
		due += (int64_t)((2 * uniform() - 1) * jitter * 1e9);
	due = due > leaves ? due : leaves;
	due = due > way->last_due ? due : way->last_due;
	way->last_due = due;
	entry = &way->queue[way->tail++ % room];
	*entry = (struct packet){leaves, due, slot, bytes};
	return 1;
}

/* Take what has arrived, at most one batch; true if there may be more. */
static int receive_batch(struct direction *way)
{
	static struct mmsghdr messages[BATCH];
	static struct iovec parts[BATCH];
	static char control[BATCH][CMSG_SPACE(sizeof(struct timespec))];
	uint32_t slots[BATCH];
	int64_t fallback;
	int got, i, count = unused_count < BATCH ? (int)unused_count : BATCH;

	for (i = 0; i < count; i++) {
		slots[i] = unused[--unused_count];
		parts[i] = (struct iovec){memory + (size_t)slots[i] * SLOT, SLOT};
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1,
						      .msg_control = control[i], .msg_controllen = sizeof(control[i])};
	}
	got = recvmmsg(way->in, messages, (unsigned int)count, MSG_DONTWAIT, NULL);
	fallback = now();
	for (i = count - 1; i >= 0; i--)	/* the ones not used, back in their old order */
		if (i >= got)
			unused[unused_count++] = slots[i];
	for (i = 0; i < got; i++)
		if (!accept_packet(way, slots[i], messages[i].msg_len, stamp(&messages[i].msg_hdr, fallback)))
			unused[unused_count++] = slots[i];
	return got == BATCH;
}

static void count_lateness(struct direction *way, int64_t lateness, int64_t second)
{
	size_t bin = 0;

	while (bin < BINS - 1 && lateness >= EDGES[bin])
		bin++;
	way->histogram[bin]++;
	way->lateness_sum += (double)lateness;
	if (lateness > way->latest)
		way->latest = lateness;
	if (second >= 0 && second < SECONDS) {
		way->sent_seconds[second]++;
		way->late_seconds[second] += lateness > LATE;
	}
}

/* Send what is due, at most one batch; true if there may be more. */
static int send_batch(struct direction *way, int64_t time)
{
	static struct mmsghdr messages[BATCH];
	static struct iovec parts[BATCH];
	uint64_t room = (uint64_t)capacity;
	int count = 0, sent, i;
	int64_t after;

	while (count < BATCH && way->head + (uint64_t)count < way->tail) {
		struct packet *entry = &way->queue[(way->head + (uint64_t)count) % room];

		if (entry->due > time)
			break;
		parts[count] = (struct iovec){memory + (size_t)entry->slot * SLOT, entry->bytes};
		messages[count].msg_hdr = (struct msghdr){.msg_iov = &parts[count], .msg_iovlen = 1};
		count++;
	}
	if (!count)
		return 0;
	sent = sendmmsg(way->out, messages, (unsigned int)count, MSG_DONTWAIT);
	after = now();
	if (sent < 1) {	/* the first one is refused (buffer full, nobody listens): lost, as on a network */
		way->send_errors++;
		sent = 1;
	} else {
		way->forwarded += (uint64_t)sent;
		for (i = 0; i < sent; i++) {
			struct packet *entry = &way->queue[(way->head + (uint64_t)i) % room];

			count_lateness(way, after - entry->due, (after - begun) / SECOND);
		}
	}
	for (i = 0; i < sent; i++)
		unused[unused_count++] = way->queue[way->head++ % room].slot;
	if (way->link < way->head)
		way->link = way->head;
	return 1;
}

static void run(void)
{
	struct pollfd waited[2] = {{ways[0].in, POLLIN, 0}, {ways[1].in, POLLIN, 0}};
	int64_t round_ns = (int64_t)(quantum * 1e9), blind = (int64_t)((delay - jitter) * 1e9), last = 0;

	blind = blind < round_ns ? 0 : blind > LONGEST_PAUSE ? LONGEST_PAUSE : blind;
	round_ns = blind ? round_ns : 0;

	while (!stopping) {
		int64_t next = INT64_MAX, time = now();
		int i, waiting;

		for (i = 0; i < 2; i++)
			if (ways[i].head < ways[i].tail && ways[i].queue[ways[i].head % (uint64_t)capacity].due < next)
				next = ways[i].queue[ways[i].head % (uint64_t)capacity].due;
		if (next == INT64_MAX) {
			ppoll(waited, 2, NULL, NULL);
		} else if (next > time) {
			int64_t until = next > last + round_ns ? next : last + round_ns, rest = until - time;
			struct timespec pause;

			/* packets that arrive meanwhile carry their own time and are due `blind` later at the earliest:
			   no need to wake for each of them */
			rest = blind && rest > blind ? blind : rest;
			rest = rest > 0 ? rest : 0;
			pause = (struct timespec){rest / SECOND, rest % SECOND};
			if (blind)
				clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
			else
				ppoll(waited, 2, &pause, NULL);
		}
		last = now();
		do {
			waiting = 0;
			for (i = 0; i < 2; i++) {
				int more = 4;	/* batches of one direction before the other's turn */

				while (more-- && receive_batch(&ways[i]))
					;
				waiting |= more < 0;
				more = 4;
				while (more-- && send_batch(&ways[i], now()))
					;
				waiting |= more < 0;
			}
		} while (waiting && !stopping);
	}
}

static void report_way(const char *name, struct direction *way, const char *end)
{
	uint32_t info[SK_MEMINFO_VARS] = {0};
	socklen_t size = sizeof(info);
	long long worst = -1, last = (now() - begun) / SECOND, i;
	double worst_share = 0;
	unsigned long long late = 0;
	size_t bin;

	getsockopt(way->in, SOL_SOCKET, SO_MEMINFO, info, &size);
	for (i = 0; i <= last && i < SECONDS; i++) {
		late += way->late_seconds[i];
		if (way->sent_seconds[i] >= 100 && (double)way->late_seconds[i] / (double)way->sent_seconds[i] > worst_share) {
			worst_share = (double)way->late_seconds[i] / (double)way->sent_seconds[i];
			worst = i;
		}
	}
	printf(" \"%s\": {\"received\": %llu, \"bytes\": %llu, \"forwarded\": %llu, \"held\": %llu, \"lost\": %llu,\n"
	       "  \"dropped_buffer\": %llu, \"dropped_capacity\": %llu, \"receive_overflow\": %u, \"send_errors\": %llu,\n"
	       "  \"late\": %llu, \"latest\": %.9f, \"mean_lateness\": %.9f, \"worst_second\": %lld, "
	       "\"worst_second_late_fraction\": %.6f,\n  \"lateness_histogram\": [",
	       name, way->received, way->bytes, way->forwarded, (unsigned long long)(way->tail - way->head), way->lost, way->dropped_buffer,
	       way->dropped_capacity, info[SK_MEMINFO_DROPS], way->send_errors, late, (double)way->latest / 1e9,
	       way->forwarded ? way->lateness_sum / (double)way->forwarded / 1e9 : 0.0, worst, worst_share);
	for (bin = 0; bin < BINS; bin++)
		printf("%s%llu", bin ? ", " : "", way->histogram[bin]);
	printf("]}%s\n", end);
}

static void report(const char *class)
{
	struct rusage usage;
	size_t bin;

	getrusage(RUSAGE_SELF, &usage);
	printf("{\"scheduling\": \"%s\", \"seconds\": %.6f, \"cpu_seconds\": %.6f, \"late_means\": %.6f,\n"
	       " \"lateness_edges\": [", class, (double)(now() - begun) / 1e9,
	       (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6 + (double)usage.ru_stime.tv_sec +
		       (double)usage.ru_stime.tv_usec / 1e6, LATE / 1e9);
	for (bin = 0; bin < BINS - 1; bin++)
		printf("%s%.6f", bin ? ", " : "", (double)EDGES[bin] / 1e9);
	printf("],\n");
	report_way("rightward", &ways[0], ",");
	report_way("leftward", &ways[1], "}");
	fflush(stdout);
}

static void read_settings(int count, char **arguments)
{
	int i;
	size_t k;

	for (i = 1; i < count; i++) {
		char *value = strchr(arguments[i], '='), *end;

		for (k = 0; value && k < sizeof(keys) / sizeof(keys[0]); k++)
			if (strlen(keys[k].name) == (size_t)(value - arguments[i]) &&
			    !strncmp(keys[k].name, arguments[i], strlen(keys[k].name)))
				break;
		if (!value || k == sizeof(keys) / sizeof(keys[0])) {
			fprintf(stderr, "relay: no setting '%s'\n", arguments[i]);
			exit(2);
		}
		if (keys[k].text) {
			snprintf(keys[k].text, 64, "%s", value + 1);
			continue;
		}
		*keys[k].number = strtod(value + 1, &end);
		if (*end || end == value + 1 || *keys[k].number < 0) {
			fprintf(stderr, "relay: no number: '%s'\n", arguments[i]);
			exit(2);
		}
	}
	if (loss >= 1 || loss_burst < 1 || capacity < 1 || buffer < 1) {
		fprintf(stderr, "relay: loss below 1, loss_burst, capacity and buffer at least 1\n");
		exit(2);
	}
}

int main(int count, char **arguments)
{
	struct sched_param priority = {.sched_priority = 10};
	const char *class = "other";
	uint64_t slots, i;
	int fd_left, fd_right;

	read_settings(count, arguments);
	random_state = (uint64_t)seed * 2654435769ULL + 88172645463325252ULL;
	signal(SIGTERM, stop);
	signal(SIGINT, stop);
	fd_left = open_socket(left, left_peer, left_port);
	fd_right = open_socket(right, right_peer, right_port);
	ways[0].in = ways[1].out = fd_left;
	ways[0].out = ways[1].in = fd_right;
	slots = 2 * (uint64_t)capacity + BATCH;
	memory = mmap(NULL, slots * SLOT, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	unused = malloc(slots * sizeof(*unused));
	for (i = 0; i < 2; i++)
		ways[i].queue = calloc((size_t)capacity, sizeof(struct packet));
	if (memory == MAP_FAILED || !unused || !ways[0].queue || !ways[1].queue)
		die("memory");
	for (i = 0; i < slots; i++)
		unused[unused_count++] = (uint32_t)(slots - 1 - i);
	prctl(PR_SET_TIMERSLACK, 1);
	if (fifo && !sched_setscheduler(0, SCHED_FIFO, &priority))
		class = "fifo";
	else if (!setpriority(PRIO_PROCESS, 0, -20))
		class = "nice";
	fprintf(stderr, "relay: ready, %s\n", class);
	begun = now();
	run();
	report(class);
	return 0;
}
