#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/machine/fleet.hpp"
#include "engine/machine/layout.hpp"

namespace lockstep {

/// The nodes that hold a job's chips, in order of slots: a scale-up domain's stand together. A node
/// counts if one of its chips is in the job, and belongs to the domain of the first of them.
class JobNodes {
 public:
  JobNodes(const Fleet& fleet, const Layout& layout);

  std::int64_t count() const { return static_cast<std::int64_t>(generation_.size()); }
  /// Index into Fleet::generations.
  std::uint8_t generation(std::int64_t node) const { return generation_[index(node)]; }
  /// The chips of the nodes first .. last-1 in the job, as positions in the layout's arrays.
  std::span<const std::int32_t> chips(std::int64_t first, std::int64_t last) const {
    return std::span(chips_).subspan(begin_[index(first)],
                                     begin_[index(last)] - begin_[index(first)]);
  }
  /// The node that holds the chip at a position of the layout.
  std::int64_t of_chip(std::int32_t chip) const { return node_of_[static_cast<std::size_t>(chip)]; }
  /// First node of each scale-up domain, and count().
  const std::vector<std::int64_t>& domains() const { return domains_; }

 private:
  static std::size_t index(std::int64_t node) { return static_cast<std::size_t>(node); }

  std::vector<std::uint8_t> generation_;  // (nodes)
  std::vector<std::size_t> begin_;        // (nodes + 1) into chips_
  std::vector<std::int32_t> chips_;       // node after node
  std::vector<std::int64_t> node_of_;     // (chips) by position in the layout
  std::vector<std::int64_t> domains_;
};

}  // namespace lockstep
