#pragma once

#include <cstdint>
#include <vector>

#include "engine/machine/layout.hpp"

namespace lockstep {

/// Where the chips of each generation and its tensor groups stand in a layout, in the order of
/// their random identities: what is drawn for many of them at once is drawn in this order.
///
/// A tensor group, with the replicas it is coupled with, belongs to the generation of its first
/// chip and has the number floor(identity / chips of a group) of that one, or the next that is free
/// where groups are interleaved: the same in every layout that has the group.
class ChipIdentities {
 public:
  ChipIdentities() = default;
  explicit ChipIdentities(const Layout& layout);

  struct Generation {
    std::uint32_t identity = 0;          ///< the high part of its chips' identities
    std::vector<std::int32_t> position;  ///< by the low part; -1 where none is in the job
    /// By number, where the group stands in (pipeline, replicas), its first replica; -1 where none
    /// is.
    std::vector<std::int32_t> group;
    std::uint32_t count() const { return static_cast<std::uint32_t>(position.size()); }
  };
  const std::vector<Generation>& generations() const { return generations_; }

  /// Where the tensor group at (stage, replica), a group's first replica, stands among the numbers
  /// of all generations, one after another.
  std::size_t group_at(std::int64_t stage, std::int64_t replica) const {
    return static_cast<std::size_t>(
        group_at_[static_cast<std::size_t>(stage * replicas_ + replica)]);
  }
  /// Numbers in all.
  std::size_t group_numbers() const { return group_numbers_; }

  /// Whether all chips of the tensor group at (stage, replica) are of one generation.
  bool is_pure(std::int64_t stage, std::int64_t replica) const {
    return mixed_.empty() || !mixed_[static_cast<std::size_t>(stage * replicas_ + replica)];
  }

 private:
  void number_groups(const Layout& layout);

  std::int64_t replicas_ = 0;
  std::size_t group_numbers_ = 0;
  std::vector<std::int32_t> group_at_;   // (pipeline, replicas)
  std::vector<std::uint8_t> mixed_;      // (pipeline, replicas), empty where none is
  std::vector<Generation> generations_;  // of the fleet
};

}  // namespace lockstep
