// A tunnel program whose speed, pauses and bursts are known: the truth that tests compare the probe with.
//
// paced DEVICE SECONDS SERVICE_NS BURST PERIOD_NS GAP_NS PAUSE_EVERY PAUSE_NS sleep|spin LOG
//
// One process owns the tun device and reads a packet every SERVICE_NS (0: at once), pausing for PAUSE_NS after every
// PAUSE_EVERY packets (0: never), asleep or busy. Another sends BURST packets of UDP, GAP_NS apart, every PERIOD_NS.
// Prints "ready" when the device is there, starts when a line comes in, and writes what happened to LOG: int64
// counts of sends, reads and pauses, then sends (times before and after; their place is the packet's number), reads
// (number, times before and after), pauses (begin, end).
// Times are CLOCK_MONOTONIC in ns.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 4000000 };

struct log {
	int64_t sends, reads, pauses;
	int64_t sent[MOST][2], read[MOST][3], paused[MOST / 100][2];
};

static int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void spin_until(int64_t due)
{
	while (now() < due)
		;
}

static void sleep_until(int64_t due)
{
	struct timespec t = { due / 1000000000LL, due % 1000000000LL };
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

static void pin(int cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu % (int)sysconf(_SC_NPROCESSORS_ONLN), &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void send_bursts(struct log *log, int64_t end, int burst, int64_t period, int64_t gap)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	char payload[1000] = { 0 };
	int out = socket(AF_INET, SOCK_DGRAM, 0);

	inet_pton(AF_INET, "10.98.0.2", &to.sin_addr);
	if (connect(out, (struct sockaddr *)&to, sizeof(to)))
		exit(3);
	for (int64_t due = now(); due < end; due += period) {
		if (due < now())
			due = now(); /* a late burst is not followed by another one at once */
		if (due - now() > 200000)
			sleep_until(due - 100000);
		spin_until(due);
		int64_t next = due;
		for (int i = 0; i < burst && log->sends < MOST; i++) {
			spin_until(next);
			int64_t begin = now();
			memcpy(payload, &log->sends, sizeof(log->sends));
			if (send(out, payload, sizeof(payload), 0) < 0)
				continue;
			log->sent[log->sends][0] = begin;
			log->sent[log->sends++][1] = now();
			next = (begin > next ? begin : next) + gap;
		}
	}
}

static void read_paced(struct log *log, int fd, int64_t end, int64_t service, int every, int64_t pause, int spin)
{
	struct pollfd waiting = { .fd = fd, .events = POLLIN };
	char frame[2048];
	int64_t due = 0;

	while (now() < end) {
		spin_until(due);
		int64_t begin = now();
		if (read(fd, frame, sizeof(frame)) < 0) {
			poll(&waiting, 1, 100);
			continue;
		}
		int64_t done = now();
		if ((frame[0] & 0xf0) != 0x40)
			continue; /* router solicitations and the like */
		if (log->reads < MOST) {
			memcpy(&log->read[log->reads][0], frame + 28, sizeof(int64_t));
			log->read[log->reads][1] = begin;
			log->read[log->reads++][2] = done;
		}
		due = (due + service > done ? due : done) + service;
		if (every && log->reads % every == 0 && log->pauses < MOST / 100) {
			log->paused[log->pauses][0] = now();
			if (spin)
				spin_until(done + pause);
			else
				sleep_until(done + pause);
			log->paused[log->pauses++][1] = now();
		}
	}
}

int main(int argc, char **argv)
{
	if (argc != 11)
		return 2;
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);

	strncpy(request.ifr_name, argv[1], IFNAMSIZ - 1);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request)) {
		perror("tun");
		return 1;
	}
	struct log *log = mmap(NULL, sizeof(*log), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (log == MAP_FAILED)
		return 1;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	puts("ready");
	fflush(stdout);
	if (getchar() == EOF)
		return 1;
	int64_t end = now() + (int64_t)(atof(argv[2]) * 1e9);
	pid_t sender = fork();
	if (sender == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(fd);
		pin(1);
		send_bursts(log, end, atoi(argv[4]), atoll(argv[5]), atoll(argv[6]));
		_exit(0);
	}
	pin(0);
	read_paced(log, fd, end, atoll(argv[3]), atoi(argv[7]), atoll(argv[8]), !strcmp(argv[9], "spin"));
	waitpid(sender, NULL, 0);
	FILE *file = fopen(argv[10], "wb");
	if (!file)
		return 1;
	fwrite(log, sizeof(int64_t), 3, file);
	fwrite(log->sent, sizeof(log->sent[0]), log->sends, file);
	fwrite(log->read, sizeof(log->read[0]), log->reads, file);
	fwrite(log->paused, sizeof(log->paused[0]), log->pauses, file);
	return fclose(file) != 0;
}
