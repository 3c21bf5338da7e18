#include "engine/machine/leaf_switches.hpp"

#include <algorithm>
#include <map>
#include <tuple>

namespace lockstep {
namespace {

std::int32_t part_of(std::int32_t slot, double chips) {
  return static_cast<std::int32_t>(static_cast<double>(slot) / chips);
}

/// Lowers what is kept under `key` to `value`.
void lower(std::map<std::int32_t, std::int32_t>& least, std::int32_t key, std::int32_t value) {
  const auto [at, is_new] = least.try_emplace(key, value);
  if (!is_new) at->second = std::min(at->second, value);
}

}  // namespace

LeafSwitches leaf_switches(const Layout& layout, const Fabric& fabric) {
  LeafSwitches switches;
  for (std::int32_t slot : layout.slot) {
    switches.leaf.push_back(part_of(slot, fabric.leaf_chips));
    switches.pod.push_back(part_of(slot, fabric.pod_chips));
  }
  if (fabric.leaf == "rack") {
    const std::int32_t last = *std::ranges::max_element(switches.leaf);
    for (std::int32_t leaf = 0; leaf <= last; ++leaf)
      switches.pod_of_leaf.push_back(static_cast<std::int32_t>(
          static_cast<double>(leaf) * fabric.leaf_chips / fabric.pod_chips));
    return switches;
  }
  std::map<std::int32_t, std::int32_t> first_slot, first_domain;  // of a domain, of a pod
  for (std::size_t chip = 0; chip < layout.slot.size(); ++chip) {
    lower(first_slot, layout.domain[chip], layout.slot[chip]);
    lower(first_domain, switches.pod[chip], layout.domain[chip]);
  }
  std::map<std::tuple<std::int32_t, std::int32_t, std::int32_t>, std::int32_t> known;
  for (std::size_t chip = 0; chip < layout.slot.size(); ++chip) {
    const std::int32_t pod = switches.pod[chip], domain = layout.domain[chip];
    const auto [at, is_new] =
        known.try_emplace({pod, part_of(domain - first_domain[pod], fabric.leaf_chips),
                           layout.slot[chip] - first_slot[domain]},
                          static_cast<std::int32_t>(known.size()));
    if (is_new) switches.pod_of_leaf.push_back(pod);
    switches.leaf[chip] = at->second;
  }
  return switches;
}

}  // namespace lockstep
