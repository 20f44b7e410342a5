#ifndef PENSTOCK_ALLOCATION_COUNTER_H
#define PENSTOCK_ALLOCATION_COUNTER_H

/// Calls of malloc, calloc, realloc, aligned_alloc, memalign and posix_memalign so far in this process.
/// Loaded by LD_PRELOAD, the library writes the number, as text, at exit into the file that PENSTOCK_ALLOCATIONS names.
unsigned long penstock_allocations(void);

#endif
