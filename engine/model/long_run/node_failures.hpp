#pragma once

#include <cstdint>
#include <vector>

#include "engine/base/random.hpp"
#include "engine/model/long_run/reliability.hpp"

namespace lockstep {

/// One failure: when, of which node of the job (its place, whoever fills it).
struct NodeFailure {
  double time = 0;  ///< since the run began [s]; infinite where there is none within the horizon
  std::int64_t node = 0;
};

/// The failures of a job's nodes over one trial, in order of time. Every place is a stationary
/// renewal process of its own: lifetimes follow the law, the node that takes a failed one's place
/// is new, the first failure has the forward recurrence law (Cox, Renewal Theory, 1962,
/// chapter 5). They depend on nothing that the job does, so that the same trial of all design
/// points with as many nodes meets the same ones. Exponential: the superposition is a Poisson
/// process of `nodes` times the rate, drawn directly; one block a failure. Weibull: one block a
/// node and one a failure; O(nodes) at the start, O(log nodes) a failure.
class NodeFailures {
 public:
  /// `stream` of the trial; entity = place and draw = failure of it (Weibull), or entity 0 and
  /// draw = failure.
  NodeFailures(const Reliability& reliability, std::int64_t nodes, const Stream& stream);
  NodeFailure next();

 private:
  NodeFailure next_exponential();
  NodeFailure next_weibull();

  Stream stream_;
  double nodes_, rate_, horizon_, shape_;
  double scale_ = 0;  // of the Weibull law [s]
  double now_ = 0;
  std::uint32_t draw_ = 0;
  std::vector<NodeFailure> coming_;   // Weibull: a heap, earliest first; those within the horizon
  std::vector<std::uint32_t> draws_;  // Weibull: used so far, of each place
};

}  // namespace lockstep
