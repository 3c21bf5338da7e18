#include "engine/run/plan_search/paired_trials.hpp"

#include <algorithm>

#include "engine/base/error.hpp"
#include "engine/run/metrics.hpp"
#include "engine/run/plan.hpp"
#include "engine/run/scheduler.hpp"

namespace lockstep {
namespace {

/// Keeps two variables of every trial.
class KeptTrials : public ResultSink {
 public:
  KeptTrials(const ResultSchema& schema, PlanTrials& kept) : kept_(kept) {
    const auto place = [&](std::string_view name) {
      return static_cast<std::size_t>(
          std::find_if(schema.variables.begin(), schema.variables.end(),
                       [&](const Variable& variable) { return variable.name == name; }) -
          schema.variables.begin());
    };
    mfu_ = place("mfu");
    step_time_ = place("step_time");
  }

  void write(const BlockResult& block) override {
    const auto append = [](std::vector<double>& all, const std::vector<double>& more) {
      all.insert(all.end(), more.begin(), more.end());
    };
    append(kept_.mfu, block.values[mfu_]);
    append(kept_.step_time, block.values[step_time_]);
  }

 private:
  PlanTrials& kept_;
  std::size_t mfu_ = 0, step_time_ = 0;
};

}  // namespace

std::vector<PlanTrials> run_paired_trials(const Study& study, const PlanChoices& choices,
                                          std::span<const ParallelPlan> plans, std::int64_t trials,
                                          std::span<const Parameter> rows,
                                          std::span<const TopologyKind* const> topologies,
                                          int threads, const Cancellation& cancellation) {
  std::vector<PlanTrials> results;
  for (const ParallelPlan& one : plans) {
    Study own = study;
    own.trials = trials;
    own.until.reset();
    own.points = {choices.base()};
    set_plan(own.points.front(), one, rows);
    const Plan plan = make_plan(std::move(own), rows, topologies, {});
    PlanTrials& kept = results.emplace_back();
    kept.mfu_support = support_of(plan.schema, 0, "mfu");
    kept.time_support = support_of(plan.schema, 0, "step_time");
    KeptTrials sink(plan.schema, kept);
    run_blocks(plan, plan.blocks_of({}), threads, sink, cancellation, [](const BlockResult&) {});
    if (cancellation.asked()) throw Interrupted("given up");
  }
  return results;
}

}  // namespace lockstep
