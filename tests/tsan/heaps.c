// Uses heaps of engine v3 on several threads, for ThreadSanitizer: other threads free
// blocks, end with blocks in the heap, and take up the pages of threads that ended,
// while heaps are made, reset and destroyed. Each report is a fault of the patches;
// upstream's own source has none here (3.6.2). Statistics of the whole process are left
// out, because upstream reads their counters plainly.
//
// `cargo xtask ci --only "thread sanitizer"` builds and runs the program.
#include <mimalloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void mimalloc_sys_heap_make_resettable(mi_heap_t* heap);
bool mimalloc_sys_heap_reset(mi_heap_t* heap, size_t keep);

#define THREADS 4
#define BLOCKS  3000
#define ROUNDS  12
#define MIB     ((size_t)1 << 20)

static void expect(bool is_true, const char* what) {
  if (!is_true) { fprintf(stderr, "failed: %s\n", what); abort(); }
}

static mi_heap_t* heap_new(void) {
  mi_heap_t* const heap = mi_heap_new();
  expect(heap != NULL, "mi_heap_new");
  mimalloc_sys_heap_make_resettable(heap);
  return heap;
}

// What `Drop` of the crate's `Heap` does.
static void heap_drop(mi_heap_t* heap) {
  mimalloc_sys_heap_reset(heap, 0);
  mi_heap_destroy(heap);
}

static void* block_new(mi_heap_t* heap, size_t number) {
  static const size_t sizes[] = { 16, 128, 128, 1000, 48, 5000, 128, 300 };
  const size_t size = sizes[number % 8];
  void* const block = mi_heap_malloc(heap, size);
  expect(block != NULL, "mi_heap_malloc");
  memset(block, (int)number, size);
  return block;
}

static void spawn(pthread_t* threads, size_t number, void* (*run)(void*), void* argument) {
  expect(pthread_create(&threads[number], NULL, run, argument) == 0, "pthread_create");
}

static void join(const pthread_t* threads) {
  for (size_t i = 0; i < THREADS; i++) { expect(pthread_join(threads[i], NULL) == 0, "pthread_join"); }
}

static void* free_all(void* argument) {
  void** const blocks = (void**)argument;
  for (size_t i = 0; i < BLOCKS; i++) { mi_free(blocks[i]); }
  return NULL;
}

// Another thread frees blocks while the owner goes on. Then the owner resets the heap.
static void reset_after_foreign_frees(void) {
  static void* blocks[BLOCKS];
  mi_heap_t* const heap = heap_new();
  size_t resets = 0;
  for (size_t round = 0; round < ROUNDS; round++) {
    for (size_t i = 0; i < BLOCKS/2; i++) {
      void* const block = block_new(heap, i);
      blocks[i] = (i % 3 != 0 ? block : NULL);
    }
    pthread_t thread;
    spawn(&thread, 0, free_all, blocks);
    for (size_t i = 0; i < 500; i++) {
      void* const block = block_new(heap, i);
      if (i % 2 != 0) { mi_free(block); }
    }
    expect(pthread_join(thread, NULL) == 0, "pthread_join");
    resets += mimalloc_sys_heap_reset(heap, round % 3 == 0 ? 0 : 64*MIB);
  }
  expect(resets == ROUNDS, "the heap is reset in place");
  heap_drop(heap);
}

typedef struct job_s {
  mi_heap_t* heap;
  void*      left[BLOCKS];
} job_t;

// Leaves some blocks, so that the thread's end abandons pages of each size class.
static void* leave_some(void* argument) {
  job_t* const job = (job_t*)argument;
  for (size_t i = 0; i < BLOCKS; i++) {
    void* const block = block_new(job->heap, i);
    job->left[i] = NULL;
    if (i % 5 != 0) { mi_free(block); }
    else if (i % 7 == 0) { job->left[i] = block; }
  }
  return NULL;
}

// Threads abandon pages of the same size classes at once, and look for such pages.
static void abandon_at_once(void) {
  static job_t jobs[THREADS + 1];
  for (size_t round = 0; round < ROUNDS; round++) {
    mi_heap_t* const heap = heap_new();
    pthread_t threads[THREADS];
    for (size_t i = 0; i <= THREADS; i++) { jobs[i].heap = heap; }
    for (size_t i = 0; i < THREADS; i++) { spawn(threads, i, leave_some, &jobs[i]); }
    join(threads);
    for (size_t i = 0; i < THREADS; i++) { spawn(threads, i, free_all, jobs[i].left); }
    leave_some(&jobs[THREADS]);
    join(threads);
    for (size_t i = 0; i < THREADS; i++) { spawn(threads, i, leave_some, &jobs[i]); }
    join(threads);
    heap_drop(heap);
  }
}

#define CLASSES 10
#define PIECE   100   // blocks of some full pages for each thread

static void*             pieces[CLASSES][THREADS][PIECE];
static pthread_barrier_t at_once;

static void* free_halves(void* argument) {
  const size_t thread = (size_t)((char*)argument - (char*)pieces);
  for (size_t class = 0; class < CLASSES; class++) {
    pthread_barrier_wait(&at_once);
    for (size_t i = 0; i < PIECE; i += 2) { mi_free(pieces[class][thread][i]); }
  }
  return NULL;
}

// Threads without a theap make full pages of the same size class available at once.
static void free_in_full_pages_at_once(void) {
  pthread_barrier_init(&at_once, NULL, THREADS);
  for (size_t round = 0; round < 6*ROUNDS; round++) {
    mi_heap_t* const heap = mi_heap_new();   // gives its full pages up
    for (size_t class = 0; class < CLASSES; class++) {
      for (size_t i = 0; i < THREADS*PIECE; i++) {
        pieces[class][i / PIECE][i % PIECE] = mi_heap_malloc(heap, 1100 + class*class*80);
      }
    }
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) { spawn(threads, i, free_halves, (char*)pieces + i); }
    join(threads);
    heap_drop(heap);
  }
  pthread_barrier_destroy(&at_once);
}

static void* own_heap(void* argument) {
  (void)argument;
  mi_heap_t* heap = heap_new();
  for (size_t round = 0; round < 4*ROUNDS; round++) {
    for (size_t i = 0; i < BLOCKS/4; i++) { block_new(heap, i + round); }
    if (round % 8 == 7 || !mimalloc_sys_heap_reset(heap, round % 4 == 0 ? 0 : MIB)) {
      heap_drop(heap);
      heap = heap_new();
    }
  }
  heap_drop(heap);
  return NULL;
}

static void many_heaps(void) {
  pthread_t threads[THREADS];
  for (size_t i = 0; i < THREADS; i++) { spawn(threads, i, own_heap, NULL); }
  join(threads);
}

int main(void) {
  reset_after_foreign_frees();
  abandon_at_once();
  free_in_full_pages_at_once();
  many_heaps();
  puts("ok");
  return 0;
}
