#include "experiments/standard_streams.hpp"

#include <fcntl.h>
#include <stdio_ext.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "engine/base/error.hpp"
#include "engine/base/notice.hpp"

namespace lockstep {

void hold_standard_streams() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) >= 0) continue;
    // The wrong way round, so that its use fails as that of a closed stream does; a file that is
    // opened gets the lowest free number, this one.
    if (::open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY) != stream)
      throw IoError("a standard stream is closed (and /dev/null cannot take its place) open it");
  }
}

bool finish_standard_output() {
  errno = EIO;  // of what failed before a flush, which only the stream remembers
  if (std::fflush(stdout) == 0 && !std::ferror(stdout)) return true;
  tell_unprinted(errno);
  return false;
}

void announce(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (finish_standard_output()) return;
  __fpurge(stdout);
  std::clearerr(stdout);
}

void tell_unprinted(int number) {
  if (number != EPIPE) notice("lockstep: cannot print ({})\n", std::strerror(number));
}

}  // namespace lockstep
