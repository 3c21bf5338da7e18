#include "engine/reliability/schedulable_share.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/base/error.hpp"

namespace lockstep {
namespace {

/// (slots) random identity of the host of the chip in each.
std::vector<std::uint64_t> host_identities(const Fleet& fleet, std::uint64_t seed) {
  const std::vector<std::vector<std::uint32_t>> numbers = node_numbers(fleet);
  const Placement placement = place(fleet, seed);
  std::vector<std::uint64_t> identities;
  for (std::size_t slot = 0; slot < placement.index.size(); ++slot) {
    const std::uint8_t generation = placement.generation[slot];
    identities.push_back(static_cast<std::uint64_t>(fleet.generations[generation].identity) << 32 |
                         numbers[generation][placement.index[slot]]);
  }
  return identities;
}

}  // namespace

SchedulableShare::SchedulableShare(const Scenario& scenario, const Values& values)
    : availability_(*scenario.reliability.host_availability),
      slice_chips_(*scenario.reliability.slice_chips),
      machine_chips_(static_cast<double>(scenario.fleet.chips())),
      stream_{scenario.seed, Purpose::host_state} {
  const std::int64_t chips = scenario.fleet.chips();
  if (slice_chips_ > chips)
    throw InputError(
        fmt::format("reliability.slice_chips = {} (the machine has {} chips) take at most {}, or a "
                    "larger fleet",
                    slice_chips_, chips, chips));
  slices_ = scenario.topology->slices({chips, slice_chips_, values});
  const std::vector<std::uint64_t> identities = host_identities(scenario.fleet, scenario.seed);
  hosts_ = identities;
  std::sort(hosts_.begin(), hosts_.end());
  hosts_.erase(std::unique(hosts_.begin(), hosts_.end()), hosts_.end());
  const auto unit = static_cast<std::size_t>(slices_->unit_chips());
  for (std::size_t first = 0; first + unit <= identities.size(); first += unit) {
    std::vector<std::int32_t> hosts;
    for (std::size_t slot = first; slot < first + unit; ++slot) {
      const auto host = std::lower_bound(hosts_.begin(), hosts_.end(), identities[slot]);
      hosts.push_back(static_cast<std::int32_t>(host - hosts_.begin()));
    }
    std::sort(hosts.begin(), hosts.end());
    hosts.erase(std::unique(hosts.begin(), hosts.end()), hosts.end());
    hosts_of_unit_.insert(hosts_of_unit_.end(), hosts.begin(), hosts.end());
    end_of_unit_.push_back(static_cast<std::int32_t>(hosts_of_unit_.size()));
  }
}

double SchedulableShare::of_trial(std::uint32_t trial) const {
  Stream stream = stream_;
  stream.trial = trial;
  std::vector<std::uint8_t> up;
  up.reserve(hosts_.size());
  for (const std::uint64_t host : hosts_)
    up.push_back(stream.uniform(host, 0) < availability_ ? 1 : 0);
  std::vector<std::uint8_t> healthy;
  healthy.reserve(end_of_unit_.size());
  std::size_t at = 0;
  for (const std::int32_t end : end_of_unit_) {
    std::uint8_t all_up = 1;
    for (; at < static_cast<std::size_t>(end); ++at)
      all_up &= up[static_cast<std::size_t>(hosts_of_unit_[at])];
    healthy.push_back(all_up);
  }
  return static_cast<double>(slices_->most(healthy) * slice_chips_) / machine_chips_;
}

double SchedulableShare::expected_healthy_share() const {
  double units = 0;
  std::int32_t begin = 0;
  for (const std::int32_t end : end_of_unit_) {
    units += std::pow(availability_, end - begin);
    begin = end;
  }
  return units * static_cast<double>(slices_->unit_chips()) / machine_chips_;
}

std::unique_ptr<const SchedulableShare> schedulable_share_of(const Scenario& scenario,
                                                             const Values& values) {
  const Reliability& reliability = scenario.reliability;
  if (!reliability.host_availability && !reliability.slice_chips) return nullptr;
  if (!reliability.slice_chips)
    throw InputError(
        "reliability.host_availability is given alone (it says which hosts are up, not what is to "
        "run on them) give reliability.slice_chips too");
  if (!reliability.host_availability)
    throw InputError(
        "reliability.slice_chips is given alone (it says what is to run, not which hosts are up) "
        "give reliability.host_availability too");
  return std::make_unique<const SchedulableShare>(scenario, values);
}

}  // namespace lockstep
