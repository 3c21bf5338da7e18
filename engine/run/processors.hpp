#pragma once

#include <filesystem>
#include <optional>

namespace lockstep {

/// Processors' worth of time that the control groups of this process grant it, as a container's do:
/// the least over its group and those above, rounded up; none where nothing limits it. Read under
/// `root` from sys/fs/cgroup: cpu.max of version 2, cpu.cfs_quota_us over cpu.cfs_period_us of
/// version 1 in its folder cpu (Linux, Documentation/admin-guide/cgroup-v2.rst and
/// scheduler/sched-bwc.rst). A container may see its own group as the top one.
std::optional<int> processor_quota(const std::filesystem::path& root = "/");

/// Threads to use where the user does not say: SLURM_CPUS_PER_TASK, SLURM_CPUS_ON_NODE, or the
/// processors this process may run on, no more than its quota.
int default_threads();

}  // namespace lockstep
