/* LD_PRELOAD shim of a file system that knows no flock, as NFS without a lock daemon or Lustre
 * mounted without it. */
#include <errno.h>

int flock(int file, int operation) {
  (void)file;
  (void)operation;
  errno = ENOLCK;
  return -1;
}
