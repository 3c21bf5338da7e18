#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lockstep {

/// What a collective does with the buffers of a group's ranks. A topology says which it has
/// (TopologyKind::operations).
enum class Operation {
  all_reduce,      ///< everyone gets the sum of all buffers
  reduce_scatter,  ///< everyone gets its 1 / ranks of the sum of all buffers
  all_gather,      ///< everyone gets all parts of the buffer; each has 1 / ranks of it
  all_to_all,      ///< everyone gets 1 / ranks of every rank's buffer
  send,            ///< every rank's buffer goes to the next rank; the last one's to nobody
};

/// A row of the operations.
struct OperationRow {
  Operation operation;
  std::string_view name;
  /// Bus bandwidth over bytes / time: what the busiest port must carry of the buffer, one way,
  /// where ranks alone add (as NCCL's tests define it, doc/PERFORMANCE.md).
  double (*bus_factor)(double ranks);
  std::string_view bus_text;
  std::string_view buffer;  ///< what the bytes of a request are
};

inline constexpr std::array<OperationRow, 5> operation_rows{{
    {Operation::all_reduce, "all_reduce", [](double n) { return 2 * (n - 1) / n; }, "2 (n - 1) / n",
     "the buffer that is summed"},
    {Operation::reduce_scatter, "reduce_scatter", [](double n) { return (n - 1) / n; },
     "(n - 1) / n", "the whole buffer that is summed"},
    {Operation::all_gather, "all_gather", [](double n) { return (n - 1) / n; }, "(n - 1) / n",
     "the whole buffer that each rank has in the end"},
    {Operation::all_to_all, "all_to_all", [](double n) { return (n - 1) / n; }, "(n - 1) / n",
     "the buffer of each rank, its own part too"},
    {Operation::send, "send", [](double) { return 1.0; }, "1", "what each rank passes on"},
}};

constexpr std::string_view name_of(Operation operation) {
  return operation_rows[static_cast<std::size_t>(operation)].name;
}

}  // namespace lockstep
