/* Kills its process right after the n-th write to the journal of a run. KILL_AT_RECORD says which. */

#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int is_journal(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) {
        return 0;
    }
    path[length] = 0;
    return strstr(path, "/events.jsonl") != NULL;
}

ssize_t write(int fd, const void *data, size_t size) {
    /* One thread writes the journal. */
    static int records;
    ssize_t written = syscall(SYS_write, fd, data, size);
    const char *at = getenv("KILL_AT_RECORD");
    if (at != NULL && is_journal(fd) && ++records == atoi(at)) {
        kill(getpid(), SIGKILL);
    }
    return written;
}
