#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/base/random.hpp"
#include "engine/reliability/failures/poisson_events.hpp"
#include "engine/reliability/long_run_job.hpp"
#include "engine/reliability/reliability.hpp"

namespace lockstep {

namespace purpose {
inline constexpr Purpose node_failure{15};
inline constexpr Purpose lemon_node{17};
}  // namespace purpose

/// One failure: when, of which node of the job (its place, whoever fills it).
struct NodeFailure {
  double time = 0;  ///< since the run began [s]; infinite where there is none within the horizon
  std::int64_t node = 0;
};

/// The failures of a job's nodes over one trial, in order of time. Every place is a renewal process
/// of its own: lifetimes follow the law, the node that takes a failed one's place is new. Places
/// without lemons are stationary: the first failure has the forward recurrence law (Cox, Renewal
/// Theory, 1962, chapter 5). They depend on nothing that the job does, so that the same trial of
/// all design points with as many nodes meets the same ones. Other sources leave the processes
/// alone: a node that leaves with its switch is followed by one as old and as good.
///
/// Exponential: the superposition is a Poisson process of the sum of the rates, drawn directly; a
/// lemon fails besides at lemon_factor - 1 times its rate, so that lemons add failures and leave
/// the others as they are. Weibull: a lemon's lifetimes are lemon_factor times shorter.
/// Draws: of purpose::node_failure one block a failure (exponential: entity 0, draw = failure;
/// Weibull: entity = place, draw = failure of it, and one a node at the start); with lemons one of
/// purpose::lemon_node a node and one a failure (entity = place, draw = failure of it). Cost: for
/// Weibull and lemons O(nodes) at the start and O(log nodes) a failure.
class NodeFailures {
 public:
  NodeFailures(const Reliability& reliability, const LongRunJob& job, std::uint64_t seed,
               std::uint32_t trial);
  NodeFailure next();

 private:
  struct Coming {
    double time;
    std::int64_t node;
    std::uint32_t life;  // of the node's place, from 0
  };
  static bool is_later(const Coming& a, const Coming& b);

  void begin_lives();
  void begin_life(double now, std::int64_t node, double rate);
  void add(const Coming& coming);
  bool is_lemon(std::int64_t node, std::uint32_t life) const;
  /// Weibull: what is left of a lifetime at the start, below x with probability
  /// P(1/shape, (x/scale)^shape).
  struct Remaining {
    double scale;   // [s]
    double within;  // probability that it ends within the horizon
  };
  Remaining remaining(double scale) const;
  double first_failure(std::int64_t node, const Remaining& law) const;

  NodeRuns rates_;
  Stream nodes_, lemons_;
  double horizon_, shape_, lemon_fraction_, lemon_factor_;
  double mean_of_scale_ = 1;             // Weibull: mean lifetime / scale
  std::optional<PoissonEvents> events_;  // exponential
  PoissonEvents::Event event_;           // exponential: the next
  std::vector<Coming> coming_;           // a heap, earliest first; those within the horizon
  std::vector<std::uint32_t> lives_;     // of each place so far; where coming_ is used
};

/// How often a place whose nodes fail at `rate` [1/s] is expected to fail, lemons too, over the
/// horizon [1/s]. Exponential law: a lemon leaves at `rate` times lemon_factor f, and with
/// probability q = lemon_fraction the next is one; the probability p of a lemon, q at the start,
/// obeys p' = rate (q - p (f (1 - q) + q)). Taken for Weibull, too.
double mean_failure_rate(const Reliability& reliability, double rate);

/// LongRunJob::node_rates, filled in where it is empty.
NodeRuns node_rates(const Reliability& reliability, const LongRunJob& job);

}  // namespace lockstep
