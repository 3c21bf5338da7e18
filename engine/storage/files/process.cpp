#include "engine/storage/files/process.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace lockstep {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// A boot has an identity of its own, and a container numbers of its own.
std::string this_machine() {
  const std::string boot = first_line("/proc/sys/kernel/random/boot_id");
  std::error_code failure;
  const std::filesystem::path numbers = std::filesystem::read_symlink("/proc/self/ns/pid", failure);
  return boot.empty() || failure ? "" : boot + " " + numbers.string();
}

/// When a process of this machine began; "" when there is none or it has ended (proc(5): the state
/// follows the command in parentheses, which may hold any character, and the start is field 22).
std::string start_of(const std::string& number) {
  const std::string line = first_line("/proc/" + number + "/stat");
  const std::size_t command = line.rfind(')');
  if (command == std::string::npos) return "";
  std::istringstream fields(line.substr(command + 1));
  std::string state, field;
  fields >> state;
  for (int i = 4; i <= 22; ++i) fields >> field;
  return state == "Z" || state == "X" ? "" : field;
}

}  // namespace

std::string Process::name() const {
  return host.empty() ? "another process" : "process " + number + " on " + host;
}

bool Process::is_here() const {
  return !machine.empty() && machine == this_machine();
}

bool Process::is_running() const {
  return !start.empty() && start_of(number) == start;
}

std::string Process::text() const {
  return host + "\n" + machine + "\n" + number + "\n" + start + "\n";
}

Process Process::parse(const std::string& text) {
  std::istringstream lines(text);
  Process process;
  for (std::string* member : {&process.host, &process.machine, &process.number, &process.start})
    std::getline(lines, *member);
  return process;
}

Process this_process() {
  char host[256] = {};
  gethostname(host, sizeof host - 1);
  const std::string number = std::to_string(getpid());
  return {host, this_machine(), number, start_of(number)};
}

}  // namespace lockstep
