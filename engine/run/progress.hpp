#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace lockstep {

/// Progress of a run on standard error: one line that is rewritten on a terminal, else a plain line
/// every ten seconds. Called by one thread.
class Progress {
 public:
  /// `trials` to run in all, of which `done` were there before.
  Progress(std::int64_t trials, std::int64_t done);
  ~Progress();
  void advance(std::int64_t trials);

 private:
  void print(bool last);
  using Clock = std::chrono::steady_clock;
  std::int64_t trials_, done_, before_;
  Clock::time_point started_ = Clock::now(), printed_;
  bool terminal_, shown_ = false;
};

/// "4.2 s", "3 min 20 s", "2 h 5 min".
std::string duration_text(double seconds);

}  // namespace lockstep
