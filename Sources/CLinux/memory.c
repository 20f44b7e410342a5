#include "CLinux.h"

#include <malloc.h>

void penstock_trim_heap(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}
