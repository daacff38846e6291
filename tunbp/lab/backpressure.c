/* Preloaded into a tunnel program: adds TUNBP_TUN_FLAGS to the flags of every TUNSETIFF, and appends the flags that
   TUNGETIFF echoes to the file TUNBP_TUN_ECHO. With TUNBP_TUN_FLAGS=0 the program runs unchanged, only observed. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

static void write_echo(int (*next)(int, unsigned long, ...), int fd)
{
	const char *path = getenv("TUNBP_TUN_ECHO");
	struct ifreq echo;
	FILE *out;

	memset(&echo, 0, sizeof(echo));
	if (!path || next(fd, TUNGETIFF, &echo) != 0 || !(out = fopen(path, "a")))
		return;
	fprintf(out, "%d\n", (unsigned short)echo.ifr_flags);
	fclose(out);
}

int ioctl(int fd, unsigned long request, ...)
{
	int (*next)(int, unsigned long, ...) = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
	const char *wanted = getenv("TUNBP_TUN_FLAGS");
	va_list list;
	void *argument;
	int status;

	va_start(list, request);
	argument = va_arg(list, void *);
	va_end(list);
	if (request == TUNSETIFF && wanted)
		((struct ifreq *)argument)->ifr_flags |= (short)strtoul(wanted, NULL, 0);
	status = next(fd, request, argument);
	if (request == TUNSETIFF && status == 0)
		write_echo(next, fd);
	return status;
}
