#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/base/random.hpp"
#include "engine/training/capability/capability.hpp"
#include "engine/training/scenario.hpp"

namespace lockstep {

namespace purpose {
inline constexpr Purpose host_state{40};
}  // namespace purpose

/// What share of a machine slices of reliability.slice_chips chips can use while each host is up
/// with probability reliability.host_availability, independently of the others. The machine is the
/// whole fleet, a host a node of it; hosts lie in the order of placement. Immutable.
/// Source: Jouppi et al., TPU v4 (ISCA'23, arXiv 2304.01433).
class SchedulableShare final : public PreparedCapability {
 public:
  /// Throws InputError when a slice is larger than the machine, or none that the topology can cut,
  /// and where only one of the two parameters is given.
  SchedulableShare(const Scenario& scenario, const Values& values);

  MetricValues run_trial(const TrainedTrial& trial) const override;
  /// "slices: ", and what one is.
  std::string choice() const override;

  /// Chips of the most healthy slices that there are at the same time, over all chips of the
  /// machine. A host is up where its uniform is below the availability: the same hosts for every
  /// topology and slice, and one that is up stays up at a higher availability. A pure function of
  /// (seed, trial). Draws: one a host (purpose::host_state; entity = its number within its
  /// generation, before placement). Cost: 7 ns a host, 1 ns a chip, and the topology's.
  double of_trial(std::uint32_t trial) const;

  /// Expected share of the machine in healthy units: of_trial's mean is at most that.
  double expected_healthy_share() const;
  std::int64_t slice_chips() const { return slice_chips_; }
  const Slices& slices() const { return *slices_; }

 private:
  double availability_;
  std::int64_t slice_chips_;
  double machine_chips_;
  Stream stream_;
  std::unique_ptr<Slices> slices_;
  std::vector<std::uint64_t> hosts_;         // random identity of each
  std::vector<std::int32_t> hosts_of_unit_;  // unit after unit: indices into hosts_
  std::vector<std::int32_t> end_of_unit_;    // (units) in hosts_of_unit_
};

/// The capability: no part of a long run, so that it needs no horizon.
extern const Capability schedulable_share_capability;

}  // namespace lockstep
