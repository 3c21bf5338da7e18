#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <thread>

#include "engine/storage/files/process.hpp"

namespace lockstep {

/// How a claim shows that its process lives, and how long a silent one is waited for.
struct Heartbeat {
  std::chrono::milliseconds beat{10'000};
  std::chrono::milliseconds silence{60'000};
};

/// A lock on a folder where the file system knows no flock: a file `lock.N` with the process that
/// holds it, made as a whole and only once (a hard link), whose time of change that process renews.
/// A claim of a process of this machine that has ended is void at once, one of another machine
/// after `silence`; what follows a void `lock.N` is `lock.N+1`, so that of all who see it void one
/// goes on.
class Claim {
 public:
  /// Effect: takes the folder; waits up to `silence` for one of another machine, and says so.
  /// Throws InputError: another process holds it, or nothing can be claimed there.
  explicit Claim(std::filesystem::path folder, Heartbeat heartbeat = {});
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;
  /// Effect: gives the folder back.
  ~Claim();

  /// Whether another process has taken the folder over, which held this one for dead: as after a
  /// pause of the machine.
  bool lost() const { return lost_; }

 private:
  /// What one look at another's claim says.
  enum class State { none, held, silent };
  bool write_candidate() const;
  State judge(const std::filesystem::path& claim) const;
  State watch(const std::filesystem::path& claim, const std::string& owner) const;
  bool link_next(std::int64_t number);
  void drop_others();
  void beat(const std::stop_token& stop);
  bool still_ours() const;

  std::filesystem::path folder_;
  Heartbeat heartbeat_;
  Process self_ = this_process();
  std::filesystem::path candidate_;  ///< the record before it is a claim
  std::filesystem::path claim_;
  std::atomic<bool> lost_ = false;
  std::jthread thread_;
};

}  // namespace lockstep
