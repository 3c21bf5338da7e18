#pragma once

#include <atomic>

namespace lockstep {

/// While one exists, TERM, USR1 and the first Ctrl-C ask to stop: what is under way is given up; a
/// second Ctrl-C ends the program at once. SIGCONT, which cluster schedulers send before other
/// signals, changes nothing. One at a time.
class Cancellation {
 public:
  Cancellation();
  ~Cancellation();
  Cancellation(const Cancellation&) = delete;
  Cancellation& operator=(const Cancellation&) = delete;

  bool asked() const { return flag(); }   ///< may be called from any thread
  const std::atomic<bool>& flag() const;  ///< true once it is asked
  const char* signal_name() const;        ///< "SIGTERM"; "" when not asked
};

}  // namespace lockstep
