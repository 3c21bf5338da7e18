/* LD_PRELOAD shim that breaks a program at its n-th write call (write, pwrite, ftruncate, rename,
 * fsync on anything but standard streams), counted from 1:
 *   SHIM_KILL_AT=n      dies (SIGKILL) instead of making call n
 *   SHIM_TEAR_AT=n      the same, but a write first stores half of its bytes
 *   SHIM_FULL_AT=n      from call n on every call that stores bytes fails with ENOSPC
 *   SHIM_COUNT_TO=file  at exit the number of calls made goes to that file */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

static long calls, kill_at, tear_at, full_at;

__attribute__((constructor)) static void start(void) {
  const char* text;
  if ((text = getenv("SHIM_KILL_AT"))) kill_at = atol(text);
  if ((text = getenv("SHIM_TEAR_AT"))) tear_at = atol(text);
  if ((text = getenv("SHIM_FULL_AT"))) full_at = atol(text);
}

__attribute__((destructor)) static void end(void) {
  const char* path = getenv("SHIM_COUNT_TO");
  FILE* file = path ? fopen(path, "w") : NULL;
  if (!file) return;
  fprintf(file, "%ld\n", calls);
  fclose(file);
}

static void die(void) {
  kill(getpid(), SIGKILL);
}

/* Counts a call; 1 when it is to fail as on a full disk. */
static int step(int stores_bytes) {
  ++calls;
  if (calls == kill_at) die();
  return full_at && calls >= full_at && stores_bytes;
}

#define REAL(name)               \
  static __typeof__(&name) real; \
  if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

#define FAIL_FULL   \
  do {              \
    errno = ENOSPC; \
    return -1;      \
  } while (0)

ssize_t write(int file, const void* bytes, size_t size) {
  REAL(write);
  if (file <= 2) return real(file, bytes, size);
  if (step(1)) FAIL_FULL;
  if (calls == tear_at) {
    real(file, bytes, size / 2);
    die();
  }
  return real(file, bytes, size);
}

static ssize_t torn_pwrite(ssize_t (*real)(int, const void*, size_t, off_t), int file,
                           const void* bytes, size_t size, off_t offset) {
  if (step(1)) FAIL_FULL;
  if (calls == tear_at) {
    real(file, bytes, size / 2, offset);
    die();
  }
  return real(file, bytes, size, offset);
}

ssize_t pwrite(int file, const void* bytes, size_t size, off_t offset) {
  REAL(pwrite);
  return torn_pwrite(real, file, bytes, size, offset);
}

ssize_t pwrite64(int file, const void* bytes, size_t size, off64_t offset) {
  REAL(pwrite64);
  return torn_pwrite((ssize_t(*)(int, const void*, size_t, off_t))real, file, bytes, size, offset);
}

int ftruncate(int file, off_t size) {
  REAL(ftruncate);
  if (step(1)) FAIL_FULL;
  if (calls == tear_at) die();
  return real(file, size);
}

int ftruncate64(int file, off64_t size) {
  REAL(ftruncate64);
  if (step(1)) FAIL_FULL;
  if (calls == tear_at) die();
  return real(file, size);
}

int rename(const char* from, const char* to) {
  REAL(rename);
  step(0);
  if (calls == tear_at) die();
  return real(from, to);
}

int fsync(int file) {
  REAL(fsync);
  if (step(1)) FAIL_FULL;
  if (calls == tear_at) die();
  return real(file);
}
