#pragma once

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace lockstep {

/// The user gave something that cannot be used (exit code 2). Each message reads
/// "problem (why) suggestion"; a study with several mistakes carries several.
class InputError : public std::runtime_error {
 public:
  explicit InputError(const std::string& message) : InputError(std::vector{message}) {}
  explicit InputError(std::vector<std::string> messages)
      : std::runtime_error(messages.front()), messages_(std::move(messages)) {}
  const std::vector<std::string>& messages() const { return messages_; }

 private:
  std::vector<std::string> messages_;
};

/// Reading or writing failed while running (exit code 1).
class IoError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The run was asked to stop and can be resumed (exit code 75).
class Interrupted : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace lockstep
