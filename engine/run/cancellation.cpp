#include "engine/run/cancellation.hpp"

#include <unistd.h>

#include <csignal>
#include <initializer_list>

namespace lockstep {
namespace {

volatile std::sig_atomic_t received = 0;

/// Blocks at full size take a while to end; write() is safe in a signal handler.
void say_stopping() {
  static constexpr char text[] =
      "\nstopping: the blocks under way are finished and saved (Ctrl-C again aborts)\n";
  [[maybe_unused]] const auto written = write(STDERR_FILENO, text, sizeof text - 1);
}

extern "C" void on_signal(int number) {
  if (received == SIGINT && number == SIGINT) {
    std::signal(SIGINT, SIG_DFL);
    std::raise(SIGINT);
  }
  if (received == 0) say_stopping();
  received = number;
}

constexpr std::initializer_list<int> stopping{SIGINT, SIGTERM, SIGUSR1};

}  // namespace

Cancellation::Cancellation() {
  received = 0;
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART | SA_NODEFER;
  for (int number : stopping) sigaction(number, &action, nullptr);
}

Cancellation::~Cancellation() {
  for (int number : stopping) std::signal(number, SIG_DFL);
}

bool Cancellation::asked() const {
  return received != 0;
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
