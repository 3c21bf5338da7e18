#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "engine/machine/fleet.hpp"
#include "engine/serving/replica/iteration_law.hpp"
#include "engine/serving/serving.hpp"

namespace lockstep {

/// What the requests of a law are like on average, cut as they are.
struct RequestMeans {
  double input = 0, output = 1;
  /// Tokens that a sequence in a batch holds: longer outputs are there for longer.
  double context = 0;
  /// Of the output of the request that a token belongs to: longer than the mean.
  double output_of_token = 1;
};

/// The requests that published operating points were measured with: MLPerf's Llama2-70B samples,
/// 294.45 tokens of output; 150 of input (120-180), all alike.
RequestMeans calibration_requests();

/// An operating point of a replica, as it runs on without noise.
struct RatedPoint {
  double sequences = 0;  ///< in an iteration
  double time = 0;       ///< of an iteration [s]
  double requests = 0;   ///< [1/s]
};

/// With requests of these means, so many a second; time is that of the longest tolerable iteration
/// where there are more than that leaves.
RatedPoint point_at(const ReplicaSort& sort, const RequestMeans& means, double requests);

/// With as many sequences as the limit on an iteration's time, contexts, batch and chunk allow.
RatedPoint rated_point(const ReplicaSort& sort, const RequestMeans& means, double token_limit);

/// In which a replica's batch goes e times nearer to that of an operating point: B sequences leave
/// at B / (t output), so that it is output t^2 / (t - B dt/dB), far longer than a response where
/// iterations are long [s].
double relaxation_time(const ReplicaSort& sort, const RequestMeans& means, const RatedPoint& at);

/// A generation's replicas.
struct GenerationReplicas {
  std::int64_t chips = 1;  ///< of a replica
  ReplicaSort sort;
  RatedPoint rated;
};

/// What one all-reduce of 1, 2, 4, ... tokens, up to `most` or more, takes the chips of a replica
/// [s].
using AllReduceTimes = std::function<std::vector<double>(std::size_t generation, std::int64_t chips,
                                                         std::int64_t most)>;

/// Those of each generation of the fleet. `speed` (generations) is what a power cap and the like
/// leave of its chips' own in matrix products, and enters what they are rated for; empty: 1.
/// `all_reduces` is asked by rooflines of several chips. Throws InputError where a token meets more
/// parameters than there are, a model does not fit into a scale-up domain, contexts do not fit
/// beside it, or no law is known for it.
std::vector<GenerationReplicas> replicas_of(const Fleet& fleet, const Serving& serving,
                                            const RequestMeans& means,
                                            std::span<const double> speed = {},
                                            const AllReduceTimes& all_reduces = {});

}  // namespace lockstep
