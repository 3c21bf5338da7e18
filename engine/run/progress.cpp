#include "engine/run/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace lockstep {

Progress::Progress(std::int64_t trials, std::int64_t done)
    : trials_(trials),
      done_(done),
      before_(done),
      printed_(started_),
      terminal_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (terminal_ && shown_) fmt::print(stderr, "\n");
}

void Progress::advance(std::int64_t trials) {
  done_ += trials;
  const double since = std::chrono::duration<double>(Clock::now() - printed_).count();
  const bool last = done_ == trials_;
  if (since < (terminal_ ? 0.2 : 10.0) && !last) return;
  printed_ = Clock::now();
  print(last);
}

void Progress::print(bool last) {
  const double elapsed = std::chrono::duration<double>(Clock::now() - started_).count();
  const double rate = static_cast<double>(done_ - before_) / elapsed;
  const double left = static_cast<double>(trials_ - done_) / rate;
  const std::string line =
      fmt::format("{:3.0f} %  {} of {} trials  {:.3g} trials/s  {}",
                  100.0 * static_cast<double>(done_) / static_cast<double>(trials_), done_, trials_,
                  rate, last ? duration_text(elapsed) : duration_text(left) + " left");
  if (terminal_)
    fmt::print(stderr, "\r{:<70}", line);
  else
    fmt::print(stderr, "{}\n", line);
  std::fflush(stderr);
  shown_ = true;
}

std::string duration_text(double seconds) {
  if (seconds < 60) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<std::int64_t>(seconds + 0.5);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

}  // namespace lockstep
