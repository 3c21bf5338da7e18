#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/network/collective.hpp"

namespace lockstep::test {

/// Keys and their text as a study would give them.
using Settings = std::vector<std::pair<std::string, std::string>>;

/// One in which all hops are alike, and one of small leaves and pods under thin spines.
const std::vector<Settings>& equal_and_tiered_fabrics();

/// Throws std::logic_error when there is none.
const TopologyKind& kind_named(std::string_view name);

/// All fleet, chip, fabric, noise and topology parameters at their defaults but for `settings`.
Values make_values(const Settings& settings);

/// One collective on one fleet, with everything it was made from.
class TopologyCase {
 public:
  /// `topology` gives the kind's own settings for (groups, ranks), the ranks being what fits.
  TopologyCase(const TopologyKind& kind, const Settings& settings, std::int64_t tensor,
               std::int64_t pipeline, double bytes,
               const std::function<Settings(std::int64_t, std::int64_t)>& topology,
               Operation operation = Operation::all_reduce);
  TopologyCase(const TopologyCase&) = delete;

  const TopologyKind& kind;
  Operation operation;
  Values values;
  Fleet fleet;
  Fabric fabric;
  Noise noise;  ///< that methods are chosen by
  Layout layout;
  double bytes;
  std::unique_ptr<Collective> collective;
  std::string name;  ///< for failure messages

  CollectiveRequest request() const;
  std::int64_t ranks() const { return layout.replicas; }
  std::int64_t groups() const { return layout.groups(); }
  const Chip& chip(std::int64_t group, std::int64_t rank) const;
  bool same_domain(std::int64_t group, std::int64_t a, std::int64_t b) const;

  /// Factors on all links: `share` of them between 1 and 5, the rest 1. Fixed by `seed`.
  std::vector<double> unequal_links(double share, std::uint64_t seed) const;
  /// (groups, ranks) times up to `spread` [s].
  std::vector<double> ready_times(double spread, std::uint64_t seed) const;
  /// Finish times of all groups by the kernels, (groups, ranks) [s].
  std::vector<double> run(const MessageNoise& messages, const LinkState& links,
                          const std::vector<double>& ready) const;
};

/// Delay of each message of a group by its number, as the spike sequence and the dense noise give
/// it: what the graph must be evaluated with.
std::vector<double> message_delays(const MessageNoise& noise, std::int64_t group,
                                   std::int64_t messages);

/// Spikes and dense noise of a step. Keeps what MessageNoise points to.
struct NoiseCase {
  NoiseCase(const Settings& settings, std::uint64_t seed);
  Noise noise;
  MessageNoise messages;
};

}  // namespace lockstep::test
