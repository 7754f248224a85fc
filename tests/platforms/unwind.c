// Lets the unwinder of a compiler for glibc work in a static program with musl.
#define _GNU_SOURCE
#include <link.h>
#include <pthread.h>

// The unwinder calls these through weak references, for which no archive is searched.
void *const unwinder_calls[] = {
    pthread_once, pthread_mutex_lock, pthread_mutex_unlock, pthread_key_create,
    pthread_getspecific, pthread_setspecific,
};

// glibc's function that finds the unwind table of the program.

// The fields of glibc's structure up to the one that the unwinder reads.
struct found {
    unsigned long long flags;
    void *start, *end, *map, *table;
};

static int find(struct dl_phdr_info *info, size_t size, void *out) {
    for (int at = 0; at < info->dlpi_phnum; at++) {
        if (info->dlpi_phdr[at].p_type == PT_GNU_EH_FRAME) {
            ((struct found *)out)->table = (char *)info->dlpi_addr + info->dlpi_phdr[at].p_vaddr;
            return 1;
        }
    }
    return 0;
}

int _dl_find_object(void *at, struct found *out) {
    return dl_iterate_phdr(find, out) ? 0 : -1;
}
