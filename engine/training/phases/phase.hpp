#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "engine/job/job.hpp"
#include "engine/machine/layout.hpp"
#include "engine/network/operation.hpp"

namespace lockstep {

/// Which chips take part in one call of an operation.
enum class ParallelGroup {
  data,           ///< those at the same place of every replica
  tensor,         ///< those that share each matrix
  context,        ///< those at the same place of replicas that share sequences
  expert,         ///< those at the same place of replicas that share experts
  pipeline,       ///< the stages of a replica
  shard,          ///< of a data-parallel group, those that share one copy of the weights
  across_shards,  ///< of a data-parallel group, those with the same share of them
  expert_data,    ///< of a data-parallel group, those with the same experts
};

std::string_view name_of(ParallelGroup group);

/// Whether its chips are of any replicas, not of one or of neighbours that keep pace.
bool spans_replicas(ParallelGroup group);

/// Its ranks in a job of so many replicas.
GroupShape shape_of(ParallelGroup group, const Job& job, std::int64_t replicas);

/// When a phase runs.
enum class Window {
  layer,          ///< in every layer of every microbatch
  boundary,       ///< between two stages, in every microbatch: a part of the pipeline's schedule
  first_forward,  ///< before the first microbatch's forward pass, chunk by chunk
  last_backward,  ///< after the last microbatch's backward pass, chunk by chunk
};

/// What the part of a layer's phase that can hide hides behind, in each layer. Phases behind the
/// same thing share it in the order of the table.
enum class Behind {
  anything,    ///< all of it is hidden
  forward,     ///< a layer's forward pass
  backward,    ///< a layer's backward pass
  attention,   ///< attention's products alone, forward and backward
  both_passes  ///< a layer's forward and backward pass, of another microbatch
};

/// One kind of communication of a step: a row of the table in phase_table.cpp. Rows of one window
/// follow each other.
struct Phase {
  std::string_view name;     ///< "gradients"
  std::uint32_t number = 0;  ///< permanent: its noise is drawn by it
  Operation operation = Operation::all_reduce;
  ParallelGroup group = ParallelGroup::data;
  Window window = Window::last_backward;
  bool (*runs)(const Job& job) = [](const Job&) { return true; };
  double (*bytes)(const Job& job) = nullptr;  ///< buffer of each rank in a call [B]
  /// Calls in each layer and microbatch, or at each boundary of a microbatch and chunk, or a step,
  /// where the fullest replica has so many microbatches.
  double (*calls)(const Job& job, double microbatches) = [](const Job&, double) { return 1.0; };
  /// Share that nothing hides, and what the rest hides behind; of Window::layer.
  double (*exposed)(const Job& job) = [](const Job&) { return 0.0; };
  Behind (*behind)(const Job& job) = [](const Job&) { return Behind::anything; };
  /// Whether the layer at one end of a chunk has no layer beside it to hide behind: the first one
  /// of its forward pass, whose weights come in, or the last of its backward pass.
  bool is_bare_at_end = false;
  std::string_view source;
};

/// The table.
std::span<const Phase> phases();

/// Whether a phase takes no time (job.free_phases).
bool is_free(const Phase& phase, const Job& job);
/// Throws InputError where job.free_phases names none of the table.
void check_free_phases(const Job& job);

}  // namespace lockstep
