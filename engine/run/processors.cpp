#include "engine/run/processors.hpp"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

namespace lockstep {
namespace {

namespace fs = std::filesystem;

/// The first numbers of a file; "max" and -1, which mean none, end them.
std::vector<double> numbers_in(const fs::path& path) {
  std::ifstream file(path);
  std::vector<double> numbers;
  for (double number = 0; file >> number && number > 0;) numbers.push_back(number);
  return numbers;
}

/// Processors that one group grants; 0 where it says nothing.
double quota_of_group(const fs::path& group) {
  std::vector<double> quota = numbers_in(group / "cpu.max");
  if (quota.empty()) {
    quota = numbers_in(group / "cpu.cfs_quota_us");
    for (double period : numbers_in(group / "cpu.cfs_period_us")) quota.push_back(period);
  }
  return quota.size() == 2 ? quota[0] / quota[1] : 0;
}

/// The least of `group`, a path such as /a/b, and all above it, below `top`.
double least_quota(const fs::path& top, fs::path group) {
  double least = 0;
  for (group = group.relative_path().lexically_normal();; group = group.parent_path()) {
    const double quota = quota_of_group(top / group);
    if (quota > 0 && (least == 0 || quota < least)) least = quota;
    if (group.empty()) return least;
  }
}

}  // namespace

std::optional<int> processor_quota(const fs::path& root) {
  const fs::path mounts = root / "sys/fs/cgroup";
  std::ifstream groups(root / "proc/self/cgroup");
  double least = 0;
  // NUMBER:CONTROLLERS:PATH, without controllers in version 2.
  for (std::string line; std::getline(groups, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (!controllers.empty() && ("," + controllers + ",").find(",cpu,") == std::string::npos)
      continue;
    const double quota =
        least_quota(controllers.empty() ? mounts : mounts / "cpu", line.substr(second + 1));
    if (quota > 0 && (least == 0 || quota < least)) least = quota;
  }
  if (least == 0) return std::nullopt;
  return static_cast<int>(std::clamp(std::ceil(least), 1.0, 1e6));
}

int default_threads() {
  for (const char* name : {"SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE"}) {
    const char* text = std::getenv(name);
    int threads = 0;
    if (text && std::from_chars(text, text + std::strlen(text), threads).ec == std::errc{} &&
        threads > 0)
      return threads;
  }
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  const int processors =
      sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
  return std::min(processors, processor_quota().value_or(processors));
}

}  // namespace lockstep
