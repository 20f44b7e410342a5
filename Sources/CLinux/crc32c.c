/* CRC-32C (Castagnoli, reflected polynomial 0x82f63b78).
 *
 * The CPU's instruction takes eight bytes and has its result three cycles later, but can begin one every cycle: so three
 * stretches are folded at once, and joined by multiplying with the power of x that their length stands for. Such a
 * multiplication by a constant is linear, and four table look-ups (after Mark Adler's crc32c.c, rewritten). */
#include "CLinux.h"

#include <string.h>

#define POLYNOMIAL 0x82f63b78u
#define LONG_STRETCH 4096
#define SHORT_STRETCH 256

static uint32_t by_eight[8][256];
static uint32_t over_long[4][256];
static uint32_t over_short[4][256];
static int has_instruction;

/* Applies a tabulated linear map. */
static uint32_t apply(uint32_t table[4][256], uint32_t crc) {
    return table[0][crc & 0xff] ^ table[1][crc >> 8 & 0xff] ^ table[2][crc >> 16 & 0xff] ^ table[3][crc >> 24];
}

/* The tables of a linear map, from what it does to each single bit. */
static void tabulate(uint32_t table[4][256], const uint32_t bits[32]) {
    for (int place = 0; place < 4; place++)
        for (int value = 0; value < 256; value++) {
            uint32_t sum = 0;
            for (int bit = 0; bit < 8; bit++)
                if (value >> bit & 1) sum ^= bits[place * 8 + bit];
            table[place][value] = sum;
        }
}

/* Tabulates what so many zero bytes do to a bare register (no inversion). */
static void tabulate_stretches(void) {
    uint32_t bits[32];
    for (int bit = 0; bit < 32; bit++) {
        uint32_t crc = 1u << bit;
        for (int byte = 0; byte < SHORT_STRETCH; byte++) crc = by_eight[0][crc & 0xff] ^ crc >> 8;
        bits[bit] = crc;
    }
    tabulate(over_short, bits);
    for (int bit = 0; bit < 32; bit++) {
        uint32_t crc = 1u << bit;
        for (int time = 0; time < LONG_STRETCH / SHORT_STRETCH; time++) crc = apply(over_short, crc);
        bits[bit] = crc;
    }
    tabulate(over_long, bits);
}

static int detect(void);

__attribute__((constructor)) static void prepare(void) {
    for (uint32_t value = 0; value < 256; value++) {
        uint32_t crc = value;
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ POLYNOMIAL : crc >> 1;
        by_eight[0][value] = crc;
    }
    for (int value = 0; value < 256; value++)
        for (int step = 1; step < 8; step++) {
            uint32_t before = by_eight[step - 1][value];
            by_eight[step][value] = by_eight[0][before & 0xff] ^ before >> 8;
        }
    has_instruction = detect();
    if (has_instruction) tabulate_stretches();
}

static uint64_t little_endian(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

uint32_t penstock_crc32c_portable(uint32_t crc, const void *bytes, size_t size) {
    const uint8_t *next = bytes;
    crc = ~crc;
    for (; size >= 8; size -= 8, next += 8) {
        uint64_t word = little_endian(next) ^ crc;
        crc = by_eight[7][word & 0xff] ^ by_eight[6][word >> 8 & 0xff] ^ by_eight[5][word >> 16 & 0xff] ^
              by_eight[4][word >> 24 & 0xff] ^ by_eight[3][word >> 32 & 0xff] ^ by_eight[2][word >> 40 & 0xff] ^
              by_eight[1][word >> 48 & 0xff] ^ by_eight[0][word >> 56];
    }
    while (size--) crc = by_eight[0][(crc ^ *next++) & 0xff] ^ crc >> 8;
    return ~crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>
#define WITH_INSTRUCTION __attribute__((target("sse4.2")))
#define FOLD8(crc, word) ((uint32_t)_mm_crc32_u64((crc), (word)))
#define FOLD1(crc, byte) _mm_crc32_u8((crc), (byte))
static int detect(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("sse4.2");
}
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
#define WITH_INSTRUCTION __attribute__((target("crc")))
#define FOLD8(crc, word) __crc32cd((crc), (word))
#define FOLD1(crc, byte) __crc32cb((crc), (byte))
static int detect(void) { return (getauxval(AT_HWCAP) & (1 << 7 /* HWCAP_CRC32 */)) != 0; }
#else
static int detect(void) { return 0; }
#endif

#ifdef WITH_INSTRUCTION
/* Folds three stretches of `stretch` bytes at once. */
WITH_INSTRUCTION
static uint32_t fold_three(uint32_t first, const uint8_t *bytes, size_t stretch, uint32_t table[4][256]) {
    uint32_t second = 0, third = 0;
    for (const uint8_t *end = bytes + stretch; bytes < end; bytes += 8) {
        first = FOLD8(first, little_endian(bytes));
        second = FOLD8(second, little_endian(bytes + stretch));
        third = FOLD8(third, little_endian(bytes + 2 * stretch));
    }
    return apply(table, apply(table, first) ^ second) ^ third;
}

WITH_INSTRUCTION
static uint32_t by_instruction(uint32_t crc, const uint8_t *next, size_t size) {
    crc = ~crc;
    for (; size >= 3 * LONG_STRETCH; size -= 3 * LONG_STRETCH, next += 3 * LONG_STRETCH)
        crc = fold_three(crc, next, LONG_STRETCH, over_long);
    for (; size >= 3 * SHORT_STRETCH; size -= 3 * SHORT_STRETCH, next += 3 * SHORT_STRETCH)
        crc = fold_three(crc, next, SHORT_STRETCH, over_short);
    for (; size >= 8; size -= 8, next += 8) crc = FOLD8(crc, little_endian(next));
    while (size--) crc = FOLD1(crc, *next++);
    return ~crc;
}
#endif

uint32_t penstock_crc32c(uint32_t crc, const void *bytes, size_t size) {
#ifdef WITH_INSTRUCTION
    if (has_instruction) return by_instruction(crc, bytes, size);
#endif
    return penstock_crc32c_portable(crc, bytes, size);
}
