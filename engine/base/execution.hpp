#pragma once

#include <atomic>

#include "engine/base/error.hpp"

namespace lockstep {

/// How a trial is carried out, which changes nothing of what comes out: the threads that may share
/// its inside, and whether anyone still waits for it. A bare number is that of the threads.
class Execution {
 public:
  Execution(int workers, const std::atomic<bool>* stop = nullptr)
      : workers_(workers), stop_(stop) {}

  int workers() const { return workers_; }
  /// The same with so many threads.
  Execution with(int workers) const { return {workers, stop_}; }
  /// Throws Interrupted once *stop is true: what is under way is given up, and nothing of it kept.
  /// To be called at every step and failure. Cost: a load.
  void check() const {
    if (stop_ && stop_->load(std::memory_order_relaxed)) throw Interrupted("given up");
  }

 private:
  int workers_;
  const std::atomic<bool>* stop_;
};

}  // namespace lockstep
