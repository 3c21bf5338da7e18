#pragma once

#include <string>

namespace lockstep {

/// A process, told from every other one: also from a later one of the same number, and from one of
/// another machine.
struct Process {
  std::string host;     ///< its name, for people
  std::string machine;  ///< boot and namespace within which numbers are unique; "" where unknown
  std::string number;
  std::string start;  ///< in the units of /proc/NUMBER/stat

  /// "process 7 on node3", "another process" where nothing is known.
  std::string name() const;
  /// Whether its machine is this one, so that is_running can tell.
  bool is_here() const;
  bool is_running() const;

  /// One line for each member.
  std::string text() const;
  static Process parse(const std::string& text);
};

Process this_process();

}  // namespace lockstep
