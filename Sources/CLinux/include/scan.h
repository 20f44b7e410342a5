/* Looking at many bytes at once, for the loops over lines in Records: inlined into them, or a call would cost more than
 * the work. Neither function writes outside of what its comment names. */
#ifndef PENSTOCK_SCAN_H
#define PENSTOCK_SCAN_H

#include <stdint.h>

/* Bytes behind a range that must be readable (for a copy: writable as well). */
#define PENSTOCK_SCAN_SLACK 64

/* Which of eight bytes are `byte`: bit i for byte i. */
static inline uint64_t penstock_matches8(const unsigned char *bytes, unsigned char byte) {
    const uint64_t ones = 0x0101010101010101u, low = 0x7f7f7f7f7f7f7f7fu;
    uint64_t word;
    __builtin_memcpy(&word, bytes, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    word ^= ones * byte;
    uint64_t zero = ~(((word & low) + low) | word) & ~low;
    return (zero >> 7) * 0x0102040810204080u >> 56;
}

/* Which of 64 bytes are `byte`: bit i for byte i. The same without the CPU's help. */
static inline uint64_t penstock_matches64_portable(const void *bytes, unsigned char byte) {
    uint64_t mask = 0;
    for (int i = 0; i < 8; i++)
        mask |= penstock_matches8((const unsigned char *)bytes + 8 * i, byte) << (8 * i);
    return mask;
}

#if defined(__SSE2__)
typedef char penstock_sixteen __attribute__((vector_size(16)));

static inline uint64_t penstock_matches16(const unsigned char *bytes, unsigned char byte) {
    penstock_sixteen chunk;
    __builtin_memcpy(&chunk, bytes, sizeof chunk);
    return (uint16_t)__builtin_ia32_pmovmskb128((penstock_sixteen)(chunk == (penstock_sixteen){} + (char)byte));
}

static inline uint64_t penstock_matches64(const void *bytes, unsigned char byte) {
    const unsigned char *first = (const unsigned char *)bytes;
    return penstock_matches16(first, byte) | penstock_matches16(first + 16, byte) << 16 |
           penstock_matches16(first + 32, byte) << 32 | penstock_matches16(first + 48, byte) << 48;
}
#else
static inline uint64_t penstock_matches64(const void *bytes, unsigned char byte) {
    return penstock_matches64_portable(bytes, byte);
}
#endif

/* Copies `size` bytes, and up to 31 more of what follows them: cheaper than memcpy for pieces of a line. */
static inline void penstock_copy_over(void *to, const void *from, uint64_t size) {
    unsigned char *target = (unsigned char *)to;
    const unsigned char *source = (const unsigned char *)from;
#pragma clang loop unroll(disable)
    for (uint64_t done = 0; done < size; done += 32) __builtin_memcpy(target + done, source + done, 32);
}

#endif
