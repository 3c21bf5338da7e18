#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/job/job.hpp"
#include "engine/run/plan_search/parallel_plan.hpp"
#include "engine/run/study/study.hpp"

namespace lockstep {

/// The values that a search tries for the keys of a plan: one where the study sets the key, else
/// those that frameworks take. Tensor groups: powers of two that divide the heads. Pipelines:
/// powers of two, and what divides the layers, or the layers with embedding and head as one each
/// (Llama 3, arXiv 2407.21783, section 3.3.2), up to the layers. Schedules: all that there are,
/// dual where the stages are even and a replica has two microbatches a stage or more (DualPipe's
/// README). Virtual stages, of the interleaved schedule alone: those that cut layers into equal
/// chunks in one of these ways, 1 and the most. Context groups: powers of two that cut a sequence
/// into chunks of `least_chunk` tokens or more. Expert groups: divisors of the experts. Groups of
/// hsdp: powers of two of 2 to half of the replicas. Microbatches: powers of two sequences as far
/// as the batch goes. Recomputation: none, else full; selective saves nothing beyond attention
/// kernels that keep no scores (memory.hpp), so that it is tried only where the study sets it.
class PlanChoices {
 public:
  /// Of a study without axes; keys in `free` are searched although the study sets them. The batch
  /// is the study's, or 1,024 tokens a chip. Throws InputError on an axis, and where a step's
  /// compute is given in place of a batch.
  PlanChoices(const Study& study, std::span<const std::string> free);

  /// Of the fleet.
  std::int64_t chips() const { return chips_; }

  static constexpr double least_chunk = 1024;  ///< tokens; assumption, range 256-4096

  /// The study's values, with a batch that does not depend on the plan.
  const Values& base() const { return base_; }
  /// What the study sets, as written; none where the key is searched. (plan_keys)
  const std::array<std::optional<std::string>, plan_keys.size()>& fixed() const { return fixed_; }

  /// Calls visit for every plan, as long as it returns true, but for recomputation, whose values to
  /// try, in this order, stand beside it: the first one that fits is the best of them.
  void for_each(const std::function<bool(ParallelPlan& plan)>& visit) const;
  std::vector<std::string> recomputations() const;

  /// Plans, and the values tried of the keys that are searched, small ones first. (plan_keys)
  struct Count {
    std::int64_t plans = 0;
    std::array<std::vector<std::string>, plan_keys.size()> tried;
  };
  /// Of the first `most` plans.
  Count count(std::int64_t most) const;

 private:
  bool choose(std::size_t key, ParallelPlan& plan,
              const std::function<bool(ParallelPlan& plan)>& visit) const;
  std::vector<std::string> values_of(std::size_t key, const ParallelPlan& plan) const;
  std::vector<std::string> searched_values(std::size_t key, const ParallelPlan& plan) const;

  Values base_;
  Model model_;
  std::int64_t chips_;
  double tokens_;  ///< of the batch, idle chips counted
  std::array<std::optional<std::string>, plan_keys.size()> fixed_;
};

}  // namespace lockstep
