#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/machine/fleet.hpp"

namespace lockstep {

/// Who is in the job: which chip is which rank of which data-parallel group.
/// Group l holds the chips at place l of every replica; within a replica the places run tensor
/// first (place = stage * tensor + tensor rank). Arrays are (groups, replicas), so that loops over
/// replicas are contiguous.
struct Layout {
  std::int64_t tensor = 1, pipeline = 1;
  std::int64_t replicas = 0;
  /// Consecutive replicas that share sequences (context parallelism) or experts, and so keep pace
  /// with each other in every layer; divides `replicas`.
  std::int64_t coupled = 1;
  std::int64_t idle_chips = 0;           ///< of the fleet, not in any replica
  std::int64_t straddling = 0;           ///< replicas with chips of several generations
  std::vector<std::int32_t> slot;        ///< physical position
  std::vector<std::uint8_t> generation;  ///< index into Fleet::generations
  std::vector<std::int32_t> domain;      ///< scale-up domain
  std::vector<std::uint32_t> entity_low, entity_high;  ///< random identity of the chip
  std::vector<double> speed;  ///< relative to its generation, of a measured fleet; else empty

  std::int64_t groups() const { return tensor * pipeline; }
  std::int64_t chips() const { return groups() * replicas; }
  std::int64_t at(std::int64_t group, std::int64_t replica) const {
    return group * replicas + replica;
  }
};

/// Groups of chips in the order of replicas, within each its places, tensor first: every
/// `stride`-th of them, `ranks` together. Data-parallel groups are {replicas, groups()}, tensor
/// groups {tensor, 1}, pipelines {pipeline, tensor}.
struct GroupShape {
  std::int64_t ranks = 1, stride = 1;
  bool operator==(const GroupShape&) const = default;
};

/// The same chips with these groups as rows, in the order of their first chips; replicas are their
/// ranks. Of the data-parallel groups, the layout itself. The groups must cover the chips:
/// ranks x stride divides chips().
Layout regroup(const Layout& layout, const GroupShape& shape);

/// Where each chip of the groups stands in the layout's arrays: (groups, ranks), rows in the order
/// of their first chips. Throws nothing; the same demand as regroup's.
std::vector<std::int32_t> places_of(const Layout& layout, const GroupShape& shape);

/// The same places of some replicas alone, in this order; they make whole coupled blocks.
Layout with_replicas(const Layout& layout, std::span<const std::int64_t> replicas);

/// Replicas that fit, a multiple of `coupled`: what `arrange` fills when nothing limits it.
std::int64_t replicas_that_fit(const Fleet& fleet, std::int64_t model_parallel,
                               std::int64_t coupled = 1);

/// Fills replicas in placement order, `coupled` of them together: first the tensor ranks of all of
/// them on one stage, then the next stage, so that those who speak in every layer are neighbours
/// (order tensor, context, expert, pipeline, data: Llama 3, arXiv 2407.21783, section 3.3.2;
/// Megatron-LM's expert groups inside data-parallel ones). They take chips of one generation; only
/// where no generation can fill even one such block do blocks straddle. Replicas are ordered by
/// their first chip; those beyond `most_replicas` (what the topology can use), or beyond whole
/// blocks, stay idle. Throws InputError when a block exceeds the fleet.
Layout arrange(const Fleet& fleet, const Placement& placement, std::int64_t tensor,
               std::int64_t pipeline, std::int64_t most_replicas, std::int64_t coupled = 1);

}  // namespace lockstep
