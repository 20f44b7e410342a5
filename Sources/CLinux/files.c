#define _GNU_SOURCE
#include "CLinux.h"

#include <fcntl.h>

int penstock_allocate(int file, int64_t size) { return fallocate(file, FALLOC_FL_KEEP_SIZE, 0, size); }
