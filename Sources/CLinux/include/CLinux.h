/* The Linux calls that the Glibc module hides, under plain names. Return values are those of the call: -1 and errno on failure. */
#ifndef PENSTOCK_CLINUX_H
#define PENSTOCK_CLINUX_H

#include <stddef.h>
#include <stdint.h>

/* Names the calling thread (15 bytes at most are kept), for ps, top and gdb. */
void penstock_name_thread(const char *name);

/* CRC-32C (Castagnoli) of `size` bytes, continuing from `crc` (0 to begin): by the CPU's instruction where it has one. */
uint32_t penstock_crc32c(uint32_t crc, const void *bytes, size_t size);
/* The same by tables: the fallback, and what the tests compare with. */
uint32_t penstock_crc32c_portable(uint32_t crc, const void *bytes, size_t size);

#endif
