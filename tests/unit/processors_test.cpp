// What a container's control groups grant, read from folders that stand for a system's root.
#include "engine/run/processors.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace lockstep {
namespace {

namespace fs = std::filesystem;
using File = std::pair<std::string, std::string>;

class Processors : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "processors.XXXXXX").string();
    root_ = mkdtemp(name.data());
  }
  void TearDown() override { fs::remove_all(root_); }

  std::optional<int> quota(const std::vector<File>& files) const {
    for (const auto& [name, text] : files) {
      fs::create_directories((root_ / name).parent_path());
      std::ofstream(root_ / name) << text;
    }
    return processor_quota(root_);
  }

  fs::path root_;
};

const std::string self = "proc/self/cgroup", groups = "sys/fs/cgroup/";

TEST_F(Processors, NoLimitWhereThereIsNoGroup) {
  EXPECT_EQ(quota({}), std::nullopt);
  EXPECT_EQ(quota({{self, "0::/a\n"}}), std::nullopt);
  EXPECT_EQ(quota({{self, "0::/a\n"}, {groups + "a/cpu.max", "max 100000\n"}}), std::nullopt);
  EXPECT_EQ(quota({{self, "not a line of it\n\n"}}), std::nullopt);
}

// docker run --cpus 1.5, seen from inside its name space: the group is the top.
TEST_F(Processors, AContainerSeesItsGroupAsTheTop) {
  EXPECT_EQ(quota({{self, "0::/\n"}, {groups + "cpu.max", "150000 100000\n"}}), 2);
}

TEST_F(Processors, LessThanOneIsOne) {
  EXPECT_EQ(quota({{self, "0::/\n"}, {groups + "cpu.max", "5000 100000\n"}}), 1);
}

TEST_F(Processors, TheLeastOfAllGroupsAboveHolds) {
  const std::vector<File> files{{self, "0::/kube/pod/own\n"},
                                {groups + "kube/cpu.max", "800000 100000\n"},
                                {groups + "kube/pod/cpu.max", "300000 100000\n"},
                                {groups + "kube/pod/own/cpu.max", "max 100000\n"},
                                {groups + "kube/other/cpu.max", "100000 100000\n"}};
  EXPECT_EQ(quota(files), 3);
}

// Host paths in a container of version 1 without name space: only the top is mounted.
TEST_F(Processors, VersionOneByItsController) {
  const std::string lines =
      "11:memory:/own\n4:cpu,cpuacct:/docker/3f\n2:cpuset:/x\n1:name=systemd:/y\n";
  EXPECT_EQ(quota({{self, lines},
                   {groups + "cpu/cpu.cfs_quota_us", "250000\n"},
                   {groups + "cpu/cpu.cfs_period_us", "100000\n"},
                   {groups + "cpuset/x/cpu.cfs_quota_us", "100000\n"},
                   {groups + "cpuset/x/cpu.cfs_period_us", "100000\n"}}),
            3);
  EXPECT_EQ(quota({{groups + "cpu/docker/3f/cpu.cfs_quota_us", "100000\n"},
                   {groups + "cpu/docker/3f/cpu.cfs_period_us", "50000\n"}}),
            2);
  EXPECT_EQ(quota({{groups + "cpu/docker/3f/cpu.cfs_quota_us", "-1\n"}}), 3);
  EXPECT_EQ(quota({{groups + "cpu/cpu.cfs_quota_us", "-1\n"}}), std::nullopt);
}

TEST(DefaultThreads, SlurmComesFirst) {
  setenv("SLURM_CPUS_ON_NODE", "7", 1);
  EXPECT_EQ(default_threads(), 7);
  setenv("SLURM_CPUS_PER_TASK", "5000", 1);
  EXPECT_EQ(default_threads(), 5000);
  setenv("SLURM_CPUS_PER_TASK", "", 1);
  EXPECT_EQ(default_threads(), 7);
  unsetenv("SLURM_CPUS_PER_TASK");
  unsetenv("SLURM_CPUS_ON_NODE");
  EXPECT_GE(default_threads(), 1);
}

}  // namespace
}  // namespace lockstep
