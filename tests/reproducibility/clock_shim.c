/* LD_PRELOAD shim that lets a short run meet what only long ones do:
 *   CLOCK_STEP=s   each look at the steady clock is s seconds after the one before, so that a block
 *                  is saved as soon as it is computed
 *   STOP_AT=n      at look n, counted from 1, the process gets SIGTERM */
#define _GNU_SOURCE
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static atomic_long looks;
static long step, stop_at;

__attribute__((constructor)) static void start(void) {
  const char* text;
  if ((text = getenv("CLOCK_STEP"))) step = atol(text);
  if ((text = getenv("STOP_AT"))) stop_at = atol(text);
}

int clock_gettime(clockid_t clock, struct timespec* time) {
  const int result = (int)syscall(SYS_clock_gettime, clock, time);
  if (result != 0 || clock != CLOCK_MONOTONIC) return result;
  const long look = atomic_fetch_add(&looks, 1) + 1;
  if (look == stop_at) kill(getpid(), SIGTERM);
  time->tv_sec += step * look;
  return 0;
}
