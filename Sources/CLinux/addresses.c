#define _GNU_SOURCE
#include "CLinux.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

_Static_assert(PENSTOCK_ADDRESS_SIZE >= sizeof(struct sockaddr_storage), "room for every address");

int penstock_resolve(const char *host, const char *port, int passive, uint8_t *out, uint32_t *sizes, int limit) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0)};
    struct addrinfo *found = NULL;
    int error = getaddrinfo(host, port, &hints, &found);
    if (error != 0) return error < 0 ? error : -error;
    int count = 0;
    for (struct addrinfo *next = found; next && count < limit; next = next->ai_next) {
        if (next->ai_addrlen > PENSTOCK_ADDRESS_SIZE) continue;
        memcpy(out + (size_t)count * PENSTOCK_ADDRESS_SIZE, next->ai_addr, next->ai_addrlen);
        sizes[count++] = next->ai_addrlen;
    }
    freeaddrinfo(found);
    return count;
}

const char *penstock_resolve_error(int code) { return gai_strerror(code); }

/* A copy that is aligned for its fields. */
static struct sockaddr_storage copy(const uint8_t *address, uint32_t size) {
    struct sockaddr_storage storage = {0};
    memcpy(&storage, address, size < sizeof storage ? size : sizeof storage);
    return storage;
}

int penstock_address_text(const uint8_t *address, uint32_t size, char *out, int limit) {
    struct sockaddr_storage storage = copy(address, size);
    if (storage.ss_family == AF_UNIX) {
        const struct sockaddr_un *local = (const struct sockaddr_un *)&storage;
        size_t start = offsetof(struct sockaddr_un, sun_path);
        int room = size > start ? (int)strnlen(local->sun_path, size - start) : 0;
        return snprintf(out, (size_t)limit, "unix:%.*s", room, local->sun_path);
    }
    char host[NI_MAXHOST], port[NI_MAXSERV];
    int error = getnameinfo((const struct sockaddr *)&storage, size, host, sizeof host, port, sizeof port,
                            NI_NUMERICHOST | NI_NUMERICSERV);
    if (error != 0) return 0;
    return snprintf(out, (size_t)limit, storage.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

int penstock_address_family(const uint8_t *address) { return copy(address, sizeof(sa_family_t)).ss_family; }

int penstock_address_port(const uint8_t *address, uint32_t size) {
    struct sockaddr_storage storage = copy(address, size);
    if (storage.ss_family == AF_INET) return ntohs(((struct sockaddr_in *)&storage)->sin_port);
    if (storage.ss_family == AF_INET6) return ntohs(((struct sockaddr_in6 *)&storage)->sin6_port);
    return 0;
}

void penstock_address_set_port(uint8_t *address, int port) {
    in_port_t value = htons((uint16_t)port);
    int family = penstock_address_family(address);
    if (family == AF_INET) memcpy(address + offsetof(struct sockaddr_in, sin_port), &value, sizeof value);
    if (family == AF_INET6) memcpy(address + offsetof(struct sockaddr_in6, sin6_port), &value, sizeof value);
}

uint32_t penstock_unix_address(const char *path, uint8_t *out) {
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof local.sun_path) return 0;
    memcpy(local.sun_path, path, length + 1);
    memcpy(out, &local, sizeof local);
    return (uint32_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
}
