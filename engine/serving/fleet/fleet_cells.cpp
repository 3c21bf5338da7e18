#include "engine/serving/fleet/fleet_cells.hpp"

#include <algorithm>
#include <cmath>

#include "engine/base/error.hpp"

namespace lockstep {
namespace {

/// First chips of the replicas of `chips` consecutive ones, from each chip's domain. Those that no
/// domain holds begin where one does.
std::vector<std::uint32_t> replicas_within(const std::vector<std::int32_t>& domains,
                                           std::int64_t chips) {
  std::vector<std::uint32_t> first;
  const auto size = static_cast<std::size_t>(chips);
  std::size_t largest = 0;
  const auto end_of = [&](std::size_t begin) {
    std::size_t end = begin;
    while (end < domains.size() && domains[end] == domains[begin]) ++end;
    return end;
  };
  for (std::size_t begin = 0; begin < domains.size(); begin = end_of(begin))
    largest = std::max(largest, end_of(begin) - begin);
  for (std::size_t begin = 0; begin < domains.size();) {
    std::size_t end = end_of(begin);
    while (size > largest && end < domains.size() && end - begin < size) end = end_of(end);
    for (; begin + size <= end; begin += size) first.push_back(static_cast<std::uint32_t>(begin));
    begin = end;
  }
  return first;
}

}  // namespace

FleetCells::FleetCells(const Fleet& fleet, const Placement& placement,
                       std::span<const std::int64_t> chips, std::int64_t cell)
    : chips_(chips.begin(), chips.end()) {
  std::vector<std::vector<std::int32_t>> domains;  // (generations, chips by index)
  for (const FleetGeneration& generation : fleet.generations)
    domains.emplace_back(static_cast<std::size_t>(generation.chips), -1);
  for (std::size_t slot = 0; slot < placement.index.size(); ++slot)
    domains[placement.generation[slot]][placement.index[slot]] = placement.domain[slot];
  for (std::size_t g = 0; g < domains.size(); ++g)
    first_chips_.push_back(replicas_within(domains[g], chips_[g]));
  if (replicas() == 0)
    throw InputError(
        "the fleet has fewer chips than a replica takes (none can serve) take a larger "
        "fleet.chips, or a smaller serving.model_parameters");
  cells_ = std::max<std::int64_t>(
      1, std::llround(static_cast<double>(replicas()) / static_cast<double>(cell)));
  for (std::size_t g = 0; g < chips_.size(); ++g)
    if (replicas(g) > 0) cells_ = std::min(cells_, replicas(g));
}

std::int64_t FleetCells::replicas() const {
  std::int64_t sum = 0;
  for (std::size_t g = 0; g < chips_.size(); ++g) sum += replicas(g);
  return sum;
}

std::vector<ReplicaPlace> FleetCells::cell(std::int64_t number) const {
  std::vector<ReplicaPlace> places;
  for (std::size_t g = 0; g < chips_.size(); ++g) {
    const std::int64_t end = (number + 1) * replicas(g) / cells_;
    for (std::int64_t r = number * replicas(g) / cells_; r < end; ++r)
      places.push_back(
          {g, first_chips_[g][static_cast<std::size_t>(r)], static_cast<std::uint32_t>(chips_[g])});
  }
  return places;
}

}  // namespace lockstep
