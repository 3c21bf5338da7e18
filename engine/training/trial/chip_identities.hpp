#pragma once

#include <cstdint>
#include <vector>

#include "engine/machine/layout.hpp"

namespace lockstep {

/// Where the chips of each generation stand in a layout, in the order of their random identities:
/// what is drawn for many of them at once is drawn in this order.
class ChipIdentities {
 public:
  ChipIdentities() = default;
  explicit ChipIdentities(const Layout& layout);

  struct Generation {
    std::uint32_t identity = 0;          ///< the high part of its chips' identities
    std::vector<std::int32_t> position;  ///< by the low part; -1 where none is in the job
    std::uint32_t count() const { return static_cast<std::uint32_t>(position.size()); }
  };
  const std::vector<Generation>& generations() const { return generations_; }

 private:
  std::vector<Generation> generations_;  // of the fleet
};

}  // namespace lockstep
