/* Interposes malloc and its kin by LD_PRELOAD: see counter.c. */
