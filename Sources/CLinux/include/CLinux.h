/* The Linux calls that the Glibc module hides, under plain names. Return values are those of the call: -1 and errno on failure. */
#ifndef PENSTOCK_CLINUX_H
#define PENSTOCK_CLINUX_H

#include <stddef.h>
#include <stdint.h>

#include "scan.h"
#include <sys/types.h>

/* Names the calling thread (15 bytes at most are kept), for ps, top and gdb. */
void penstock_name_thread(const char *name);

/* CRC-32C (Castagnoli) of `size` bytes, continuing from `crc` (0 to begin): by the CPU's instruction where it has one. */
uint32_t penstock_crc32c(uint32_t crc, const void *bytes, size_t size);
/* The same by tables: the fallback, and what the tests compare with. */
uint32_t penstock_crc32c_portable(uint32_t crc, const void *bytes, size_t size);

/* Takes room on the disk for `size` bytes from the beginning of a file, whose size does not change by it. */
int penstock_allocate(int file, int64_t size);

/* Gives the pages that were freed back to the system. */
void penstock_trim_heap(void);

/* epoll. `events` is a mask of the PENSTOCK_EPOLL bits; `data` comes back with each event. */
#define PENSTOCK_EPOLL_IN 0x001u
#define PENSTOCK_EPOLL_OUT 0x004u
#define PENSTOCK_EPOLL_ERR 0x008u
#define PENSTOCK_EPOLL_HUP 0x010u
#define PENSTOCK_EPOLL_ADD 1
#define PENSTOCK_EPOLL_DELETE 2
#define PENSTOCK_EPOLL_MODIFY 3
struct penstock_event {
    uint64_t data;
    uint32_t events;
};
int penstock_epoll_create(void);
int penstock_epoll_control(int epoll, int operation, int descriptor, uint32_t events, uint64_t data);
/* Waits at most `timeout` milliseconds (-1: for ever) for at most `limit` events (at most 256 are taken). */
int penstock_epoll_wait(int epoll, struct penstock_event *events, int limit, int timeout);

/* An eventfd that neither blocks nor outlives an exec. */
int penstock_eventfd(void);
/* Adds one to the eventfd: wakes who waits for it. */
int penstock_eventfd_signal(int descriptor);
/* Sets the eventfd back to zero. */
int penstock_eventfd_clear(int descriptor);

/* Sockets that neither block nor outlive an exec. `stream_family`: AF_INET, AF_INET6 or AF_UNIX. */
int penstock_stream_socket(int stream_family);
int penstock_accept(int descriptor);
int penstock_set_reuse_address(int descriptor);
int penstock_set_v6_only(int descriptor, int on);
int penstock_set_no_delay(int descriptor);
int penstock_set_send_buffer(int descriptor, int bytes);
/* The error of a finished connect: 0, or an errno. */
int penstock_socket_error(int descriptor);
/* send(2) that never raises SIGPIPE. `more`: more follows at once, a short packet may wait for it. */
ssize_t penstock_send(int descriptor, const void *bytes, size_t size, int more);
/* sendfile(2), from `position`, which stays with the caller. */
ssize_t penstock_send_file(int socket, int file, int64_t position, size_t size);
/* 1 if the bytes of the file at `position` ... `position + size` are very likely in memory (one byte in 64 KiB is asked
   for with RWF_NOWAIT), else 0: also where the file system cannot say. */
int penstock_file_resident(int file, int64_t position, size_t size);
/* Blocks SIGPIPE for the calling thread: sendfile has no other way to be quiet. */
void penstock_block_sigpipe(void);
/* Waits for a descriptor: 1 ready, 0 `timeout` milliseconds passed, -1 errno. `out`: for writing instead of reading. */
int penstock_poll(int descriptor, int out, int timeout);

/* Socket addresses as bytes: 128 are enough for every family (sockaddr_storage). */
#define PENSTOCK_ADDRESS_SIZE 128
/* Addresses of `host` (NULL: every interface, or loopback when not `passive`) and `port` (numeric): each 128 bytes at
   `out`, its length at `sizes`. Returns how many (at most `limit`), or the negative getaddrinfo error. May ask the name
   servers, so it may block. */
int penstock_resolve(const char *host, const char *port, int passive, uint8_t *out, uint32_t *sizes, int limit);
/* What getaddrinfo's error means. */
const char *penstock_resolve_error(int code);
/* "127.0.0.1:9092", "[::1]:9092", "unix:/path" of a socket address; returns the length, 0 if it cannot be said. */
int penstock_address_text(const uint8_t *address, uint32_t size, char *out, int limit);
/* The port of an IPv4 or IPv6 address, else 0. */
int penstock_address_port(const uint8_t *address, uint32_t size);
/* The same address with another port. */
void penstock_address_set_port(uint8_t *address, int port);
int penstock_address_family(const uint8_t *address);
/* The address of a unix domain socket; returns its length, 0 if the path is too long (107 bytes). */
uint32_t penstock_unix_address(const char *path, uint8_t *out);
int penstock_bind(int descriptor, const uint8_t *address, uint32_t size);
int penstock_connect(int descriptor, const uint8_t *address, uint32_t size);
/* The socket's own address (`peer` 0) or its peer's; returns its length, 0 on failure. */
uint32_t penstock_socket_address(int descriptor, int peer, uint8_t *out);

#endif
