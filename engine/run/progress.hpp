#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace lockstep {

/// Progress of a run on standard error: one line that is rewritten on a terminal, else a plain line
/// every ten seconds. Called by one thread.
class Progress {
 public:
  /// So many trials, and their cost in any unit: time left is told by cost, since trials of a large
  /// design point are more work than those of a small one.
  struct Amount {
    std::int64_t trials = 0;
    double cost = 0;

    void add(std::int64_t more, double cost_of_one) {
      trials += more;
      cost += static_cast<double>(more) * cost_of_one;
    }
  };

  /// What is to be done in all, of which `done` was there before.
  Progress(const Amount& all, const Amount& done);
  ~Progress();
  void advance(std::int64_t trials, double cost_of_one);

 private:
  void print(bool last);
  using Clock = std::chrono::steady_clock;
  Amount all_, done_, before_;
  Clock::time_point started_ = Clock::now(), printed_;
  bool terminal_, shown_ = false;
};

/// "4.2 s", "3 min 20 s", "2 h 5 min".
std::string duration_text(double seconds);

}  // namespace lockstep
