#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "engine/base/random.hpp"
#include "engine/reliability/failures/node_failures.hpp"

namespace lockstep {

namespace purpose {
inline constexpr Purpose domain_failure{18};
inline constexpr Purpose switch_failure{19};
inline constexpr Purpose cable_failure{20};
inline constexpr Purpose ocs_failure{21};
inline constexpr Purpose maintenance{22};
inline constexpr Purpose link_flap{23};
}  // namespace purpose

/// What befell a job.
enum class FailureCause {
  node,
  domain,
  leaf_switch,
  cable,
  optical_switch,
  maintenance,
  link_flap,
};
inline constexpr std::array<std::string_view, 7> failure_causes{
    "node failure",   "domain failure", "switch failure", "cable failure",
    "optical switch", "maintenance",    "link flap"};

/// One thing that befalls a job.
struct Failure {
  enum class Kind {
    interruption,  ///< the job stops at once
    plan,          ///< the job saves its state, then stops
    delay          ///< messages wait, nothing stops
  };
  double time = std::numeric_limits<double>::infinity();  ///< since the run began [s]
  Kind kind = Kind::interruption;
  FailureCause cause = FailureCause::node;
  std::uint32_t number = 0;  ///< of its source, from 0; a domain's failure is one of its nodes'
  NodeSpan nodes = {};       ///< of the job (places, whoever fills them) that leave it
  std::span<const NodeSpan> some = {};  ///< those of `nodes` that leave it, where not all do
  double duration = 0;                  ///< of a delay: the link is down for so long [s]
  double phase = 0;                     ///< of a delay: share of the step after which it begins

  std::span<const NodeSpan> leaving() const { return some.empty() ? std::span(&nodes, 1) : some; }
};

/// All that befalls a job over one trial, in order of time; at the same time in order of causes. It
/// depends on nothing that the job does, so that the same trial of all design points with as many
/// nodes meets the same. Sources are independent and have draws of their own: one that is turned on
/// leaves the failures of the others as they are. With domain_failure_share s a failure in a domain
/// of k nodes takes it all with probability s/k, and does not come with probability s - s/k: each
/// node leaves as often as before.
/// Draws: those of NodeFailures; of purpose::domain_failure one a node's failure where s > 0; of
/// each other source's purpose one a failure, for a link flap two (entity 1: its duration).
class Failures {
 public:
  Failures(const Reliability& reliability, const LongRunJob& job, std::uint64_t seed,
           std::uint32_t trial);
  /// Its time is not below the horizon where nothing comes any more.
  Failure next();

 private:
  struct Source {
    std::size_t row;
    Stream stream;
    PoissonEvents events;
    PoissonEvents::Event coming;
  };

  Failure next_of_nodes();
  Failure taken(Source& source);

  const Reliability& reliability_;
  const LongRunJob& job_;
  NodeFailures nodes_;
  Stream domains_;
  std::uint32_t node_failures_ = 0;  // also those that do not come
  Failure of_nodes_;                 // the next
  std::vector<Source> sources_;
};

/// How often one thing befalls a job.
struct FailureRate {
  FailureCause cause;
  Failure::Kind kind;
  std::string_view key;  ///< of the rate of one part
  double each;           ///< that rate, of a domain the share of its nodes' [1/s]
  double parts;          ///< in the job; domains: those of several nodes
  double all;            ///< expected over the horizon [1/s]
};

/// Those of all causes, in their order.
std::vector<FailureRate> failure_rates(const Reliability& reliability, const LongRunJob& job);

/// How often the job is interrupted without plan [1/s], the mean over the horizon.
double interruption_rate(const Reliability& reliability, const LongRunJob& job);

/// How long a link that goes down for `duration` [s] keeps the job waiting, when after the share
/// `phase` of a step of `step_time` [s]; its last `communication_time` [s] send messages.
double flap_delay(double phase, double duration, double step_time, double communication_time);

/// Refuses what cannot be simulated: a horizon that holds no step of `step_time` [s], more failures
/// than can be followed, stragglers that are found and leave at once. Throws InputError.
void check_long_run(const Reliability& reliability, const LongRunJob& job, double step_time);

}  // namespace lockstep
