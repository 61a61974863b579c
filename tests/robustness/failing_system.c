/* Put under a program with LD_PRELOAD: a disc that can't be read beyond a place, a clock that runs
   backwards, a file system without locks. FAIL_NAME: part of the file's path; FAIL_AT: bytes that
   can be read; CLOCK_BACK=1; NO_LOCKS=1. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

static int fails(int fd)
{
    const char *name = getenv("FAIL_NAME");
    char link[64], path[4096];
    ssize_t length;
    if (!name)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    return strstr(path, name) != NULL;
}

ssize_t read(int fd, void *buffer, size_t size)
{
    static ssize_t (*real)(int, void *, size_t);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "read");
    if (fails(fd)) {
        off_t left = atol(getenv("FAIL_AT")) - lseek(fd, 0, SEEK_CUR);
        if (left <= 0) {
            errno = EIO;
            return -1;
        }
        if ((off_t)size > left)
            size = left;
    }
    return real(fd, buffer, size);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    static int (*real)(clockid_t, struct timespec *);
    static long calls;
    int result;
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    result = real(clock, now);
    if (clock == CLOCK_REALTIME && getenv("CLOCK_BACK"))
        now->tv_sec -= 3600 * ++calls;
    return result;
}

int flock(int fd, int operation)
{
    static int (*real)(int, int);
    if (getenv("NO_LOCKS")) {
        errno = ENOLCK;
        return -1;
    }
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "flock");
    return real(fd, operation);
}
