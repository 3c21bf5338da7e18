#pragma once

#include <array>
#include <string_view>

namespace lockstep {

/// What wall time is lost to.
enum class LossCause {
  checkpoint,    ///< stalls for checkpoints
  lost_work,     ///< computed since the last checkpoint that was kept
  detection,     ///< of failures
  restart,       ///< until the first step
  waiting,       ///< for repairs
  shrunk,        ///< longer steps of fewer replicas
  slow_members,  ///< longer steps than the trial's recorded ones with other chips in the job
  link_flap,     ///< messages that wait for a link
};
inline constexpr std::array<std::string_view, 8> loss_causes{
    "checkpoint", "lost_work", "detection",    "restart",
    "waiting",    "shrunk",    "slow_members", "link_flap"};

/// By LossCause [s].
using LostTime = std::array<double, loss_causes.size()>;

}  // namespace lockstep
