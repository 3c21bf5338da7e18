#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace lockstep {

/// What a collective does with the buffers of a group's ranks. A topology says which it has
/// (TopologyKind::operations).
enum class Operation {
  all_reduce,  ///< everyone gets the sum of all buffers
};

inline constexpr std::array<std::string_view, 1> operation_names{"all_reduce"};

constexpr std::string_view name_of(Operation operation) {
  return operation_names[static_cast<std::size_t>(operation)];
}

}  // namespace lockstep
