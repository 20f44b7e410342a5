#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

_Static_assert(PENSTOCK_EPOLL_IN == EPOLLIN && PENSTOCK_EPOLL_OUT == EPOLLOUT, "epoll bits");
_Static_assert(PENSTOCK_EPOLL_ERR == EPOLLERR && PENSTOCK_EPOLL_HUP == EPOLLHUP, "epoll bits");
_Static_assert(PENSTOCK_EPOLL_ADD == EPOLL_CTL_ADD && PENSTOCK_EPOLL_DELETE == EPOLL_CTL_DEL, "epoll operations");
_Static_assert(PENSTOCK_EPOLL_MODIFY == EPOLL_CTL_MOD, "epoll operations");

int penstock_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

int penstock_epoll_control(int epoll, int operation, int descriptor, uint32_t events, uint64_t data) {
    struct epoll_event event = {.events = events, .data = {.u64 = data}};
    return epoll_ctl(epoll, operation, descriptor, &event);
}

int penstock_epoll_wait(int epoll, struct penstock_event *events, int limit, int timeout) {
    struct epoll_event ready[256];
    int count = epoll_wait(epoll, ready, limit < 256 ? limit : 256, timeout);
    for (int i = 0; i < count; i++) {
        events[i].data = ready[i].data.u64;
        events[i].events = ready[i].events;
    }
    return count;
}

int penstock_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

int penstock_eventfd_signal(int descriptor) { return eventfd_write(descriptor, 1); }

int penstock_eventfd_clear(int descriptor) {
    eventfd_t value;
    return eventfd_read(descriptor, &value);
}

int penstock_poll(int descriptor, int out, int timeout) {
    struct pollfd wanted = {.fd = descriptor, .events = out ? POLLOUT : POLLIN};
    return poll(&wanted, 1, timeout);
}
