#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/base/parameter.hpp"
#include "engine/base/random.hpp"
#include "engine/machine/chip.hpp"

namespace lockstep {

namespace purpose {
inline constexpr Purpose placement{8};
}  // namespace purpose

/// The chips of one generation in a fleet.
struct FleetGeneration {
  Chip chip;
  std::int64_t chips = 0;
  /// High 24 bits of its chips' random identity: a hash of the name, so that a chip keeps its
  /// draws whatever else is in the fleet.
  std::uint32_t identity = 0;
  bool operator==(const FleetGeneration&) const = default;
};

/// One line of a measured fleet.
struct FleetNode {
  std::uint8_t generation = 0;  ///< index into Fleet::generations
  std::int32_t chips = 0;
  double speed = 1;  ///< relative to its generation's chips
  bool operator==(const FleetNode&) const = default;
};

inline constexpr std::int64_t most_chips = 16777216;  // slots are 32-bit, identities too
inline constexpr std::size_t most_generations = 255;

enum class PlacementOrder { blocked, interleaved, random };

/// A fleet as the study names it.
struct Fleet {
  std::vector<FleetGeneration> generations;  ///< in the study's order
  /// Of a measured fleet, in physical order; empty where fleet.chips counts chips alone.
  std::vector<FleetNode> nodes;
  PlacementOrder placement = {};
  double chip_spread = 0;  ///< sigma of the lognormal speed factor of mean 1

  std::int64_t chips() const;
  double peak() const;  ///< of all chips [FLOP/s], whatever their relative speeds
  bool operator==(const Fleet&) const = default;
};

std::span<const Parameter> fleet_parameters();

/// Reads "H100:150000, H200:50000, GB200:20000", or the measured fleet of fleet.inventory. Throws
/// InputError (zero or fractional chips, unknown or repeated generation, both or nothing at all).
Fleet fleet_from(const Values& values);

/// The generation `name` with so many chips. Throws InputError when it is not known.
FleetGeneration make_generation(std::string_view name, std::int64_t chips, const Values& values);

/// The chips of one generation of a fleet, with what is known of them, and no others.
Fleet fleet_of_generation(const Fleet& fleet, std::size_t generation);

/// (generations, chips of it) the number of each chip's node within the generation.
std::vector<std::vector<std::uint32_t>> node_numbers(const Fleet& fleet);

/// Which chip sits in which slot. Slots are physical positions in order; a scale-up domain stays
/// together, and a node of several, so they are what placement moves.
struct Placement {
  std::vector<std::uint8_t> generation;  ///< (slots)
  std::vector<std::uint32_t> index;      ///< (slots) index within the generation, before placement
  std::vector<std::int32_t> domain;      ///< (slots) scale-up domain
  std::vector<double> speed;             ///< (slots) relative, of a measured fleet; else empty
  std::int64_t slots() const { return static_cast<std::int64_t>(index.size()); }
};

/// Places the fleet. `blocked`: generation after generation; `interleaved`: domains of all
/// generations spread evenly; `random`: one random order of the domains per seed, the same for
/// every trial. In a measured fleet `index` counts a generation's chips in the file's order,
/// consecutive nodes of a generation fill its domains (one that lacks chips leaves their places
/// empty), and `blocked` takes each domain where the file names its first node. Draws: one per
/// domain or larger node (purpose::placement, trial 0) for `random`, else none.
Placement place(const Fleet& fleet, std::uint64_t seed);

}  // namespace lockstep
