#include "engine/storage/files/claim.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "engine/base/error.hpp"
#include "engine/base/notice.hpp"
#include "engine/storage/files/durable_file.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::string_view prefix = "lock.";

fs::path claim_path(const fs::path& folder, std::int64_t number) {
  return folder / fmt::format("{}{}", prefix, number);
}

/// Numbers of the claims on a folder, ascending.
std::vector<std::int64_t> claims_on(const fs::path& folder) {
  std::vector<std::int64_t> numbers;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    std::int64_t number = 0;
    const char* const last = name.data() + name.size();
    if (!name.starts_with(prefix)) continue;
    const auto [end, failure] = std::from_chars(name.data() + prefix.size(), last, number);
    if (failure == std::errc() && end == last) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

/// When a file was changed, by the clock of whoever keeps it. Opened, since network file systems
/// answer from memory otherwise.
std::optional<timespec> change_of(const fs::path& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (file.number() < 0 || ::fstat(file.number(), &status) != 0) return {};
  return status.st_mtim;
}

/// Sets a file's time of change to now, by the clock of whoever keeps it.
void touch(const fs::path& path) {
  ::utimensat(AT_FDCWD, path.c_str(), nullptr, 0);
}

milliseconds between(const timespec& begin, const timespec& end) {
  return milliseconds((end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000);
}

/// What stands in a claim; absent when it has just gone.
std::optional<Process> owner_of(const fs::path& claim) {
  try {
    return Process::parse(read_bytes(claim));
  } catch (const IoError&) {
    return {};
  }
}

[[noreturn]] void refuse(const fs::path& folder, const fs::path& claim) {
  throw InputError(fmt::format("{} is in use ({} writes it) wait for it, or choose another -o",
                               folder.string(), owner_of(claim).value_or(Process()).name()));
}

}  // namespace

Claim::Claim(fs::path folder, Heartbeat heartbeat)
    : folder_(std::move(folder)),
      heartbeat_(heartbeat),
      candidate_(folder_ / fmt::format("{}{}-{}.tmp", prefix, self_.host, self_.number)) {
  for (;;) {
    if (!write_candidate()) continue;
    const std::vector<std::int64_t> others = claims_on(folder_);
    const std::int64_t latest = others.empty() ? 0 : others.back();
    const State state = latest == 0 ? State::silent : judge(claim_path(folder_, latest));
    if (state == State::held) {
      ::unlink(candidate_.c_str());
      refuse(folder_, claim_path(folder_, latest));
    }
    if (state == State::silent && link_next(latest + 1)) {
      drop_others();
      ::unlink(candidate_.c_str());
      break;
    }
  }
  thread_ = std::jthread([this](const std::stop_token& stop) { beat(stop); });
}

Claim::~Claim() {
  thread_ = {};
  if (!lost_ && still_ours()) ::unlink(claim_.c_str());
}

bool Claim::write_candidate() const {
  std::error_code ignored;
  fs::create_directory(folder_, ignored);  // gone with the run that has just given it back
  const std::string text = self_.text();
  const FileDescriptor file(
      ::open(candidate_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (file.number() < 0 && errno == ENOENT) return false;
  if (file.number() >= 0) errno = EIO;  // of a write that is short
  if (file.number() < 0 ||
      ::write(file.number(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    throw InputError(fmt::format("cannot write in {} ({}) choose another -o", folder_.string(),
                                 std::strerror(errno)));
  return true;
}

Claim::State Claim::judge(const fs::path& claim) const {
  const std::optional<Process> owner = owner_of(claim);
  if (!owner) return State::none;
  if (owner->is_here()) return owner->is_running() ? State::held : State::silent;
  return watch(claim, owner->name());
}

Claim::State Claim::watch(const fs::path& claim, const std::string& owner) const {
  const std::optional<timespec> first = change_of(claim);
  if (!first) return State::none;
  bool told = false;
  for (const Clock::time_point begin = Clock::now();;) {
    touch(candidate_);
    const std::optional<timespec> now = change_of(candidate_), last = change_of(claim);
    if (!last) return State::none;
    if (between(*first, *last).count() != 0) return State::held;
    // By the keeper's clock, which both times come from, the silence may have passed already; by
    // our own it passes though that clock was set back.
    if (now && between(*last, *now) >= heartbeat_.silence) return State::silent;
    if (Clock::now() - begin >= heartbeat_.silence) return State::silent;
    if (!std::exchange(told, true))
      notice("{}: waiting up to {} s to see whether {} still writes it\n", folder_.string(),
             heartbeat_.silence.count() / 1000, owner);
    std::this_thread::sleep_for(heartbeat_.beat / 10);
  }
}

bool Claim::link_next(std::int64_t number) {
  claim_ = claim_path(folder_, number);
  if (::link(candidate_.c_str(), claim_.c_str()) == 0) return true;
  const int code = errno;
  // A network file system may make the link and say that it was there.
  if (owner_of(claim_).value_or(Process()).text() == self_.text()) return true;
  if (code == EEXIST || code == ENOENT) return false;
  ::unlink(candidate_.c_str());
  throw InputError(
      fmt::format("cannot protect {} against a second run (no flock, and no hard link: {}) choose "
                  "another -o",
                  folder_.string(), std::strerror(code)));
}

void Claim::drop_others() {
  for (const std::int64_t number : claims_on(folder_)) {
    const fs::path other = claim_path(folder_, number);
    if (other == claim_) continue;
    // Made by one that saw no claim, while this one saw one that then went. Of two that see each
    // other so, none may go on.
    if (judge(other) == State::held) {
      ::unlink(claim_.c_str());
      ::unlink(candidate_.c_str());
      refuse(folder_, other);
    }
    ::unlink(other.c_str());
  }
}

bool Claim::still_ours() const {
  std::error_code failure;
  if (!fs::exists(claim_, failure)) return static_cast<bool>(failure);  // not known, so not lost
  try {
    return read_bytes(claim_) == self_.text();
  } catch (const IoError&) {
    return true;
  }
}

void Claim::beat(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  while (!wake.wait_for(lock, stop, heartbeat_.beat, [&] { return stop.stop_requested(); })) {
    if (!still_ours()) {
      lost_ = true;
      return;
    }
    touch(claim_);
  }
}

}  // namespace lockstep
