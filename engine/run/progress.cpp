#include "engine/run/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "engine/base/notice.hpp"

namespace lockstep {

Progress::Progress(const Amount& all, const Amount& done)
    : all_(all),
      done_(done),
      before_(done),
      printed_(started_),
      terminal_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (terminal_ && shown_) notice("\n");
}

void Progress::advance(std::int64_t trials, double cost_of_one) {
  done_.add(trials, cost_of_one);
  const double since = std::chrono::duration<double>(Clock::now() - printed_).count();
  const bool last = done_.trials == all_.trials;
  if (since < (terminal_ ? 0.2 : 10.0) && !last) return;
  printed_ = Clock::now();
  print(last);
}

void Progress::print(bool last) {
  const double elapsed = std::chrono::duration<double>(Clock::now() - started_).count();
  const double rate = static_cast<double>(done_.trials - before_.trials) / elapsed;
  const double left = (all_.cost - done_.cost) * elapsed / (done_.cost - before_.cost);
  const std::string line =
      fmt::format("{:3.0f} %  {} of {} trials  {:.3g} trials/s  {}",
                  last ? 100 : 100 * done_.cost / all_.cost, done_.trials, all_.trials, rate,
                  last ? duration_text(elapsed) : duration_text(left) + " left");
  if (terminal_)
    notice("\r{:<70}", line);
  else
    notice("{}\n", line);
  shown_ = true;
}

std::string duration_text(double seconds) {
  if (seconds < 60) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<std::int64_t>(seconds + 0.5);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

}  // namespace lockstep
