/* A guest without a virtual machine: opens a tap device, binds it to /dev/vhost-net, keeps the receive virtqueue in
   its own memory, and takes packets out of it at a given speed, as a guest's driver does.

   Usage: guest DEVICE FLAGS RATE. FLAGS are added to TUNSETIFF, RATE is in packets/s (0: as fast as it can). Prints the
   flags that TUNGETIFF echoes when it is ready, and counts as JSON when SIGTERM comes. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/vhost.h>
#include <linux/virtio_ring.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define ENTRIES 256		/* what QEMU gives a guest */
#define BUFFER 2048
#define PAGE 4096
#define RECEIVE 0		/* index of the virtqueue that vhost-net fills */
#define CREDIT 2000000LL	/* ns that a guest which woke late may catch up */

static volatile sig_atomic_t stopping;

static void stop(int signal_number)
{
	(void)signal_number;
	stopping = 1;
}

static void check(int failed, const char *what)
{
	if (failed) {
		fprintf(stderr, "guest: %s: %s\n", what, strerror(errno));
		exit(1);
	}
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int open_tap(const char *name, short flags)
{
	struct ifreq request = {.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | flags)}, echo = {0};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);

	check(fd < 0, "/dev/net/tun");
	snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
	check(ioctl(fd, TUNSETIFF, &request), "TUNSETIFF");
	check(ioctl(fd, TUNGETIFF, &echo), "TUNGETIFF");
	printf("%d\n", (unsigned short)echo.ifr_flags);
	return fd;
}

static struct vring ring;
static unsigned char *memory;
static int kick, call;

/* Memory of the guest: the virtqueue, then one buffer for each of its entries. */
static void share_memory(int vhost)
{
	size_t size = PAGE * 8 + ENTRIES * BUFFER;
	struct {
		struct vhost_memory table;
		struct vhost_memory_region region;
	} map = {.table = {.nregions = 1}};
	unsigned i;

	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	check(memory == MAP_FAILED, "memory");
	map.region = (struct vhost_memory_region){.guest_phys_addr = (uintptr_t)memory, .memory_size = size,
						  .userspace_addr = (uintptr_t)memory};
	check(ioctl(vhost, VHOST_SET_MEM_TABLE, &map), "VHOST_SET_MEM_TABLE");
	vring_init(&ring, ENTRIES, memory, PAGE);
	for (i = 0; i < ENTRIES; i++) {
		ring.desc[i] = (struct vring_desc){.addr = (uintptr_t)memory + PAGE * 8 + i * BUFFER, .len = BUFFER,
						   .flags = VRING_DESC_F_WRITE};
		ring.avail->ring[i] = (uint16_t)i;
	}
	__atomic_store_n(&ring.avail->idx, ENTRIES, __ATOMIC_RELEASE);
}

static void start_queue(int vhost, int tap)
{
	struct vhost_vring_state entries = {RECEIVE, ENTRIES}, base = {RECEIVE, 0};
	struct vhost_vring_addr address = {.index = RECEIVE, .desc_user_addr = (uintptr_t)ring.desc,
					   .used_user_addr = (uintptr_t)ring.used,
					   .avail_user_addr = (uintptr_t)ring.avail};
	struct vhost_vring_file kicked = {RECEIVE, kick}, called = {RECEIVE, call}, backend = {RECEIVE, tap};

	check(ioctl(vhost, VHOST_SET_VRING_NUM, &entries), "VHOST_SET_VRING_NUM");
	check(ioctl(vhost, VHOST_SET_VRING_BASE, &base), "VHOST_SET_VRING_BASE");
	check(ioctl(vhost, VHOST_SET_VRING_ADDR, &address), "VHOST_SET_VRING_ADDR");
	check(ioctl(vhost, VHOST_SET_VRING_KICK, &kicked), "VHOST_SET_VRING_KICK");
	check(ioctl(vhost, VHOST_SET_VRING_CALL, &called), "VHOST_SET_VRING_CALL");
	check(ioctl(vhost, VHOST_NET_SET_BACKEND, &backend), "VHOST_NET_SET_BACKEND");
}

/* Wait for packets: by the eventfd when there are none, by spinning when the next service is due soon. */
static void wait_for_call(void)
{
	struct pollfd waited = {call, POLLIN, 0};
	uint64_t count;

	if (poll(&waited, 1, 100) > 0)
		check(read(call, &count, sizeof(count)) < 0 && errno != EAGAIN, "call");
}

int main(int count, char **arguments)
{
	uint64_t features = 0, one = 1, packets = 0, bytes = 0, kicks = 0, waits = 0;
	int64_t service = 0, due = 0, first = 0, last = 0;
	uint16_t seen = 0;
	int tap, vhost;

	if (count != 4) {
		fprintf(stderr, "usage: guest DEVICE FLAGS RATE\n");
		return 2;
	}
	if (strtod(arguments[3], NULL) > 0)
		service = (int64_t)(1e9 / strtod(arguments[3], NULL));
	signal(SIGTERM, stop);
	tap = open_tap(arguments[1], (short)strtoul(arguments[2], NULL, 0));
	vhost = open("/dev/vhost-net", O_RDWR);
	check(vhost < 0, "/dev/vhost-net");
	check(ioctl(vhost, VHOST_SET_OWNER), "VHOST_SET_OWNER");
	check(ioctl(vhost, VHOST_SET_FEATURES, &features), "VHOST_SET_FEATURES");
	kick = eventfd(0, EFD_NONBLOCK);
	call = eventfd(0, EFD_NONBLOCK);
	share_memory(vhost);
	start_queue(vhost, tap);
	fflush(stdout);
	check(write(kick, &one, sizeof(one)) < 0, "kick");
	while (!stopping) {
		uint16_t used = __atomic_load_n(&ring.used->idx, __ATOMIC_ACQUIRE);

		if (used == seen) {
			waits++;
			wait_for_call();
			continue;
		}
		while (seen != used) {
			struct vring_used_elem *entry = &ring.used->ring[seen % ENTRIES];
			int64_t time = now();

			while (service && time < due && !stopping)
				time = now();
			first = first ? first : time;
			last = time;
			due = due + service > time - CREDIT ? due + service : time - CREDIT;
			packets++;
			bytes += entry->len;
			ring.avail->ring[ring.avail->idx % ENTRIES] = (uint16_t)entry->id;
			__atomic_store_n(&ring.avail->idx, (uint16_t)(ring.avail->idx + 1), __ATOMIC_RELEASE);
			seen++;
		}
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (!(ring.used->flags & VRING_USED_F_NO_NOTIFY)) {
			kicks++;
			check(write(kick, &one, sizeof(one)) < 0 && errno != EAGAIN, "kick");
		}
	}
	printf("{\"packets\": %llu, \"bytes\": %llu, \"kicks\": %llu, \"waits\": %llu, \"seconds\": %.6f}\n",
	       (unsigned long long)packets, (unsigned long long)bytes, (unsigned long long)kicks,
	       (unsigned long long)waits, (double)(last - first) / 1e9);
	fflush(stdout);
	pause();	/* keep the device until killed, so that its counters can be read */
	return 0;
}
