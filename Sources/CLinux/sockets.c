#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

int penstock_stream_socket(int stream_family) {
    return socket(stream_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

int penstock_accept(int descriptor) { return accept4(descriptor, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC); }

static int set(int descriptor, int level, int name, int value) {
    return setsockopt(descriptor, level, name, &value, sizeof value);
}

int penstock_set_reuse_address(int descriptor) { return set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1); }

int penstock_set_v6_only(int descriptor, int on) { return set(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, on); }

int penstock_set_no_delay(int descriptor) { return set(descriptor, IPPROTO_TCP, TCP_NODELAY, 1); }

int penstock_set_send_buffer(int descriptor, int bytes) { return set(descriptor, SOL_SOCKET, SO_SNDBUF, bytes); }

int penstock_socket_error(int descriptor) {
    int error = 0;
    socklen_t size = sizeof error;
    return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

ssize_t penstock_send(int descriptor, const void *bytes, size_t size, int more) {
    return send(descriptor, bytes, size, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
}

ssize_t penstock_send_file(int socket, int file, int64_t position, size_t size) {
    off_t offset = position;
    return sendfile(socket, file, &offset, size);
}

static int resident(int file, int64_t position) {
    char byte;
    struct iovec one = {.iov_base = &byte, .iov_len = 1};
    return preadv2(file, &one, 1, position, RWF_NOWAIT) == 1;
}

int penstock_file_resident(int file, int64_t position, size_t size) {
    if (size == 0) return 1;
    for (size_t done = 0; done < size; done += 64 << 10) {
        if (!resident(file, position + (int64_t)done)) return 0;
    }
    return resident(file, position + (int64_t)size - 1);
}

void penstock_block_sigpipe(void) {
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, NULL);
}

int penstock_bind(int descriptor, const uint8_t *address, uint32_t size) {
    return bind(descriptor, (const struct sockaddr *)address, size);
}

int penstock_connect(int descriptor, const uint8_t *address, uint32_t size) {
    return connect(descriptor, (const struct sockaddr *)address, size);
}

uint32_t penstock_socket_address(int descriptor, int peer, uint8_t *out) {
    struct sockaddr_storage storage;
    socklen_t size = sizeof storage;
    struct sockaddr *address = (struct sockaddr *)&storage;
    int result = peer ? getpeername(descriptor, address, &size) : getsockname(descriptor, address, &size);
    if (result != 0 || size > PENSTOCK_ADDRESS_SIZE) return 0;
    __builtin_memcpy(out, &storage, size);
    return size;
}
