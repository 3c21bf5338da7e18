#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "engine/storage/files/claim.hpp"
#include "engine/storage/files/process.hpp"
#include "tests/unit/storage_fixture.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;

constexpr Heartbeat quick{20ms, 400ms};

class StorageClaim : public StorageTest {
 protected:
  std::string refusal(Heartbeat heartbeat = quick) const {
    return input_error([&] { Claim(folder_, heartbeat); });
  }
  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(folder_))
      found.push_back(entry.path().filename().string());
    std::sort(found.begin(), found.end());
    return found;
  }
  /// The claim of a process of another machine, made now.
  void write_foreign(const std::string& name) const {
    Process other = this_process();
    other.host = "node3";
    other.machine = "another boot";
    set_bytes(path(name), other.text());
  }
  /// A time of change long ago.
  void age(const std::string& name) const {
    const timespec times[] = {{1000000000, 0}, {1000000000, 0}};
    ASSERT_EQ(utimensat(AT_FDCWD, path(name).c_str(), times, 0), 0);
  }
};

TEST_F(StorageClaim, HoldsUntilItIsGivenBack) {
  {
    const Claim claim(folder_, quick);
    EXPECT_EQ(names(), std::vector<std::string>{"lock.1"});
    EXPECT_THAT(refusal(), AllOf(HasSubstr("is in use (process "), HasSubstr("another -o")));
    EXPECT_EQ(names(), std::vector<std::string>{"lock.1"});
    EXPECT_FALSE(claim.lost());
  }
  EXPECT_TRUE(names().empty());
  const Claim again(folder_, quick);
}

TEST_F(StorageClaim, OneThatEndedOnThisMachineIsVoidAtOnce) {
  const pid_t child = fork();
  if (child == 0) {
    set_bytes(path("lock.7"), this_process().text());
    _exit(0);
  }
  waitpid(child, nullptr, 0);
  const Claim claim(folder_, {10s, 1h});
  EXPECT_EQ(names(), std::vector<std::string>{"lock.8"});
}

TEST_F(StorageClaim, ANumberThatIsInUseAgainIsAnotherProcess) {
  Process earlier = this_process();
  earlier.start = std::to_string(std::stoll(earlier.start) - 1);
  set_bytes(path("lock.1"), earlier.text());
  const Claim claim(folder_, {10s, 1h});
  EXPECT_EQ(names(), std::vector<std::string>{"lock.2"});
}

TEST_F(StorageClaim, OneOfAnotherMachineIsVoidAfterASilence) {
  write_foreign("lock.1");
  const auto begin = std::chrono::steady_clock::now();
  const Claim claim(folder_, quick);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, quick.silence - 50ms);
  EXPECT_EQ(names(), std::vector<std::string>{"lock.2"});
}

TEST_F(StorageClaim, ASilenceThatHasPassedIsNotWaitedFor) {
  for (const char* name : {"lock.1", "lock.4"}) {
    write_foreign(name);
    age(name);
  }
  const Claim claim(folder_, {10s, 1h});
  EXPECT_EQ(names(), std::vector<std::string>{"lock.5"});
}

TEST_F(StorageClaim, OneOfAnotherMachineThatBeatsIsRefused) {
  write_foreign("lock.1");
  const std::jthread owner([&](const std::stop_token& stop) {
    for (; !stop.stop_requested(); std::this_thread::sleep_for(20ms))
      utimensat(AT_FDCWD, path("lock.1").c_str(), nullptr, 0);
  });
  EXPECT_THAT(refusal({100ms, 1h}), HasSubstr(" on node3 writes it"));
  EXPECT_EQ(names(), std::vector<std::string>{"lock.1"});
}

// Empty, as where the disk is full: nobody known holds it.
TEST_F(StorageClaim, OneThatDoesNotReadIsOfAnotherMachine) {
  set_bytes(path("lock.1"), "");
  const Claim claim(folder_, quick);
  EXPECT_EQ(names(), std::vector<std::string>{"lock.2"});
}

TEST_F(StorageClaim, TheOneTakenOverFromNoticesAndTakesNothingAway) {
  {
    const Claim claim(folder_, quick);
    write_foreign("lock.2");
    fs::rename(path("lock.2"), path("lock.1"));
    for (int i = 0; i < 1000 && !claim.lost(); ++i) std::this_thread::sleep_for(10ms);
    EXPECT_TRUE(claim.lost());
  }
  EXPECT_EQ(names(), std::vector<std::string>{"lock.1"});
}

TEST_F(StorageClaim, OfManyAtOnceOneAtMostGoesOn) {
  for (int round = 0; round < 40; ++round) {
    const std::string stale = fmt::format("lock.{}", round + 1);
    write_foreign(stale);
    age(stale);
    std::vector<pid_t> children;
    for (int i = 0; i < 6; ++i) {
      const pid_t child = fork();
      if (child == 0) {
        int code = 1;
        try {
          const Claim claim(folder_, {10s, 1h});
          // O_EXCL: a second one inside at the same time is seen.
          const int inside = ::open(path("inside").c_str(), O_CREAT | O_EXCL | O_WRONLY, 0600);
          std::this_thread::sleep_for(2ms);
          code = inside < 0 ? 3 : 0;
          if (inside >= 0) ::unlink(path("inside").c_str());
        } catch (const InputError&) {
          code = 2;
        }
        _exit(code);
      }
      children.push_back(child);
    }
    int held = 0;
    for (const pid_t child : children) {
      int status = 0;
      waitpid(child, &status, 0);
      ASSERT_TRUE(WIFEXITED(status));
      ASSERT_THAT(WEXITSTATUS(status), testing::AnyOf(0, 2)) << "round " << round;
      held += WEXITSTATUS(status) == 0;
    }
    EXPECT_GE(held, 1);
    ASSERT_TRUE(names().empty());
  }
}

}  // namespace
}  // namespace lockstep
