#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "engine/base/parameter.hpp"

namespace lockstep {

/// A machine that is cut into slices, each for a job of its own.
struct SliceRequest {
  std::int64_t machine_chips = 0;
  std::int64_t slice_chips = 0;  ///< of each slice, from 1 to machine_chips
  const Values& values;          ///< for the kind's own topology.* parameters
};

/// How a topology cuts slices of one size from a machine some of whose hosts are down. The machine
/// is `unit_chips` after `unit_chips` in the order of placement; chips beyond the last whole unit
/// are in no slice. A unit is healthy when all its hosts are up. Immutable.
class Slices {
 public:
  virtual ~Slices() = default;
  virtual std::int64_t unit_chips() const = 0;
  /// The most slices that can be had at the same time; healthy (units) is 1 or 0.
  virtual std::int64_t most(std::span<const std::uint8_t> healthy) const = 0;
  /// What a slice is, for a reader: "16 healthy cubes of 4x4x4, wherever they are".
  virtual std::string text() const = 0;
};

/// TopologyKind::slices of switched fabrics: any chips whose hosts are up; a host's chips may serve
/// two slices.
std::unique_ptr<Slices> slices_of_chips(const SliceRequest& request);

/// Slices of any healthy units of `unit_chips` chips, a divisor of the slice; `unit` names several
/// of them. Cost: 0.1 ns a unit and trial.
std::unique_ptr<Slices> slices_of_units(std::int64_t unit_chips, std::string unit,
                                        std::int64_t slice_chips);

}  // namespace lockstep
