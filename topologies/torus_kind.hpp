#pragma once

#include <memory>

#include "engine/network/collective.hpp"

namespace lockstep {

// What the rows of static and optical torus share.

std::span<const Parameter> torus_parameters();  ///< of a static torus
std::span<const Parameter> optical_torus_parameters();

/// TopologyKind's functions of the same names. Where the study leaves shape or mapping open and
/// they have not been settled, they are chosen for large buffers on links without latency.
template <bool optical>
struct TorusKind {
  static Settled settle(const SettleRequest& request);
  static std::int64_t usable_replicas(const Values& values, std::int64_t replicas,
                                      std::int64_t model_parallel);
  static std::unique_ptr<Collective> make(const CollectiveRequest& request);
};

/// TopologyKind::replacement of fixed wiring: a block as large that is whole. The machine extends
/// the job's torus along its longest dimension, where planes of spare chips continue it; of several
/// slices any other slice.
Replacement replace_plane(const Values& values, std::int64_t replicas, std::int64_t model_parallel);

extern template struct TorusKind<false>;
extern template struct TorusKind<true>;

}  // namespace lockstep
