#include "engine/run/cancellation.hpp"

#include <csignal>
#include <initializer_list>

namespace lockstep {
namespace {

volatile std::sig_atomic_t received = 0;

extern "C" void on_signal(int number) {
  if (received == SIGINT && number == SIGINT) {
    std::signal(SIGINT, SIG_DFL);
    std::raise(SIGINT);
  }
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
