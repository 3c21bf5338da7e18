#include "engine/run/cancellation.hpp"

#include <unistd.h>

#include <csignal>
#include <initializer_list>

namespace lockstep {
namespace {

// Without locks they may be used in a signal handler, as write() may.
std::atomic<int> received = 0;
std::atomic<bool> stop = false;
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

/// Saving may take a while.
void say_stopping() {
  static constexpr char text[] =
      "\nstopping: finished blocks are saved, those under way given up (Ctrl-C again aborts)\n";
  [[maybe_unused]] const auto written = write(STDERR_FILENO, text, sizeof text - 1);
}

extern "C" void on_signal(int number) {
  const int before = received.exchange(number);
  if (before == SIGINT && number == SIGINT) {
    std::signal(SIGINT, SIG_DFL);
    std::raise(SIGINT);
  }
  stop = true;
  if (before == 0) say_stopping();
}

constexpr std::initializer_list<int> stopping{SIGINT, SIGTERM, SIGUSR1};

}  // namespace

Cancellation::Cancellation() {
  received = 0;
  stop = false;
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART | SA_NODEFER;
  for (int number : stopping) sigaction(number, &action, nullptr);
}

Cancellation::~Cancellation() {
  for (int number : stopping) std::signal(number, SIG_DFL);
}

const std::atomic<bool>& Cancellation::flag() const {
  return stop;
}

const char* Cancellation::signal_name() const {
  switch (received) {
    case SIGINT:
      return "SIGINT";
    case SIGTERM:
      return "SIGTERM";
    case SIGUSR1:
      return "SIGUSR1";
    default:
      return "";
  }
}

}  // namespace lockstep
