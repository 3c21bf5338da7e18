#pragma once

namespace lockstep {

/// While one exists, TERM, USR1 and the first Ctrl-C ask the run to stop between blocks; a second
/// Ctrl-C ends the program at once. SIGCONT, which cluster schedulers send before other signals,
/// changes nothing. One at a time.
class Cancellation {
 public:
  Cancellation();
  ~Cancellation();
  Cancellation(const Cancellation&) = delete;
  Cancellation& operator=(const Cancellation&) = delete;

  bool asked() const;               ///< may be called from any thread
  const char* signal_name() const;  ///< "SIGTERM"; "" when not asked
};

}  // namespace lockstep
