#pragma once

#include "engine/network/collective.hpp"

namespace lockstep {

// What most kinds' rows say.

/// TopologyKind::usable_replicas where any number of ranks will do.
inline std::int64_t any_replicas(const Values&, std::int64_t replicas, std::int64_t) {
  return replicas;
}

/// TopologyKind::make of a collective that is built from the request alone.
template <class Kind>
std::unique_ptr<Collective> make_collective(const CollectiveRequest& request) {
  return std::make_unique<Kind>(request);
}

}  // namespace lockstep
