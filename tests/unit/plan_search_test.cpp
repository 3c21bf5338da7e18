#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>
#include <set>

#include "engine/base/error.hpp"
#include "engine/run/plan_search/plan_bound.hpp"
#include "engine/run/plan_search/plan_choices.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep {
namespace {

using test::all_rows;
using test::scenario_values;

constexpr std::string_view model =
    "job.model_parameters=1.5e9\njob.layers=14\njob.hidden=4096\njob.feed_forward=16384\n"
    "job.heads=16\njob.kv_heads=8\njob.vocabulary=32000\njob.sequence_length=8192\n"
    "job.tokens_per_batch=1048576\n";

/// A study of these lines, as though a user had written them.
Study study_of(const std::string& lines) {
  StudyText text{.path = "s.ini", .directory = ".", .text = "", .entries = {}};
  for (std::size_t begin = 0; begin < lines.size();) {
    const std::size_t end = lines.find('\n', begin), equals = lines.find('=', begin);
    text.entries.push_back({lines.substr(begin, equals - begin),
                            lines.substr(equals + 1, end - equals - 1), "s.ini:1"});
    begin = end + 1;
  }
  return resolve_study(text, {}, all_rows());
}

std::vector<ParallelPlan> plans_of(const PlanChoices& choices) {
  std::vector<ParallelPlan> plans;
  choices.for_each([&](ParallelPlan& plan) {
    plan[key_recompute] = choices.recomputations().front();
    plans.push_back(plan);
    return true;
  });
  return plans;
}

TEST(PlanChoices, AreLegalAndDifferent) {
  const Study study = study_of(std::string(model) +
                               "fleet.chips=H100:64\njob.experts=8\njob.top_k=2\n"
                               "job.expert_hidden=4096\n");
  const PlanChoices choices(study, {});
  const std::vector<ParallelPlan> plans = plans_of(choices);
  EXPECT_EQ(std::set<ParallelPlan>(plans.begin(), plans.end()).size(), plans.size());
  EXPECT_EQ(choices.count(1'000'000).plans, std::ssize(plans));
  EXPECT_EQ(choices.count(10).plans, 10);
  Values values = choices.base();
  std::int64_t refused = 0;
  std::set<std::string> schedules;
  for (const ParallelPlan& plan : plans) {
    set_plan(values, plan, all_rows());
    const auto number = [&](std::size_t k) { return plan[k] == "auto" ? 1 : std::stoll(plan[k]); };
    const auto tensor = number(key_tensor), pipeline = number(key_pipeline);
    const auto context = number(key_context), expert = number(key_expert);
    EXPECT_EQ(16 % tensor, 0);
    EXPECT_LE(pipeline, 14);
    EXPECT_LE(pipeline * number(key_virtual_stages), 16);
    const bool is_dual = plan[key_schedule] == "dual";
    EXPECT_TRUE(pipeline > 1 || plan[key_schedule] == "interleaved");
    EXPECT_TRUE(!is_dual || pipeline % 2 == 0);
    EXPECT_EQ(8192 % (2 * context), 0);
    EXPECT_GE(8192 / (2 * context), 1024);
    EXPECT_EQ(8 % expert, 0);
    EXPECT_LE(tensor * pipeline * std::max(context, expert), 64);
    const auto replicas = 64 / (tensor * pipeline);
    EXPECT_LE(number(key_shard_group) * 2, std::max<std::int64_t>(2, replicas));
    EXPECT_LE(
        number(key_microbatch_sequences) * (replicas / context) * (is_dual ? 2 * pipeline : 1),
        128);
    schedules.insert(plan[key_schedule]);
    try {
      job_from(values);
    } catch (const InputError&) {  // expert groups that hold no whole context groups
      EXPECT_TRUE(expert > 1 && expert % context != 0);
      ++refused;
    }
  }
  EXPECT_EQ(schedules.size(), 3);
  EXPECT_GT(refused, 0);
  EXPECT_LT(refused, std::ssize(plans) / 3);
}

TEST(PlanChoices, ThoseOfLlamaHoldThePublishedPlan) {
  const PlanChoices choices(study_of("fleet.chips=H100:16384\n"), {});
  const auto count = choices.count(1'000'000);
  EXPECT_THAT(count.tried[key_tensor],
              testing::ElementsAre("1", "2", "4", "8", "16", "32", "64", "128"));
  EXPECT_THAT(count.tried[key_pipeline], testing::IsSupersetOf({"1", "4", "8", "14", "16", "126"}));
  EXPECT_THAT(count.tried[key_pipeline], testing::Not(testing::Contains("5")));
  const std::vector<ParallelPlan> plans = plans_of(choices);
  const ParallelPlan published{"8", "16",    "interleaved", "8", "1",
                               "1", "zero2", "auto",        "1", "none"};
  EXPECT_THAT(plans, testing::Contains(published));
}

TEST(PlanChoices, WhatIsSetStaysUnlessItIsFreed) {
  const Study study = study_of("fleet.chips=H100:64\njob.tensor=4\njob.recompute=selective\n");
  const PlanChoices fixed(study, {});
  EXPECT_EQ(fixed.fixed()[key_tensor], "4");
  EXPECT_THAT(fixed.recomputations(), testing::ElementsAre("selective"));
  for (const ParallelPlan& plan : plans_of(fixed)) EXPECT_EQ(plan[key_tensor], "4");
  const std::vector<std::string> free{"job.tensor"};
  EXPECT_GT(PlanChoices(study, free).count(100'000).tried[key_tensor].size(), 4);
  EXPECT_THROW(PlanChoices(study_of("fleet.chips=H100:64\nsweep.job.tensor=4, 8\n"), {}),
               InputError);
  EXPECT_THROW(PlanChoices(study_of("fleet.chips=H100:64\njob.compute_time=1s\n"), {}), InputError);
}

/// Least times of a plan, by each bound, over the step without noise; none where it is impossible.
struct Bounds {
  double compute, traffic, few;
};

std::optional<Bounds> bounds_of(const ParallelPlan& plan, const PlanChoices& choices) {
  Values values = choices.base();
  set_plan(values, plan, all_rows());
  try {
    const DesignPoint point(values, topology_kinds(), 1);
    const Scenario& scenario = point.scenario();
    const auto estimate = estimate_job(scenario.job, scenario.fleet);
    if (!estimate) return std::nullopt;
    EXPECT_GE(estimate->replicas, point.layout().replicas);
    if (estimate->replicas == point.layout().replicas) {
      EXPECT_NEAR(estimate->flops / point.work().flops, 1, 1e-12);
    }
    const Placement placement = place(scenario.fleet, scenario.seed);
    const LayerTraffic traffic =
        least_traffic(scenario, placement, values, *estimate, TrafficOf::activations) +
        least_traffic(scenario, placement, values, *estimate, TrafficOf::weights);
    const auto with_traffic = estimate_job(scenario.job, scenario.fleet, traffic);
    const double step = point.quiet_step().time() * estimate->flops / point.work().flops;
    return Bounds{estimate->least_time / step, with_traffic->least_time / step,
                  least_time_of_few(scenario, values, *estimate).value_or(0) / step};
  } catch (const InputError&) {
    return std::nullopt;
  }
}

/// Of plans drawn from all of a study, the largest of each bound, and how many had one.
struct Largest {
  Bounds bounds{0, 0, 0};
  int plans = 0, few = 0;
};

Largest largest_bounds(const std::string& lines, int draws) {
  const PlanChoices choices(study_of(lines), {});
  const std::vector<ParallelPlan> plans = plans_of(choices);
  std::mt19937 generator(1);
  Largest found;
  for (int i = 0; i < draws; ++i) {
    ParallelPlan plan = plans[generator() % plans.size()];
    if (generator() % 4 == 0) plan[key_recompute] = "full";
    const auto bounds = bounds_of(plan, choices);
    if (!bounds) continue;
    ++found.plans;
    found.few += bounds->few > 0;
    found.bounds = {std::max(found.bounds.compute, bounds->compute),
                    std::max(found.bounds.traffic, bounds->traffic),
                    std::max(found.bounds.few, bounds->few)};
    EXPECT_LE(bounds->compute, 1 + 1e-9) << fmt::format("{}", fmt::join(plan, " "));
    EXPECT_LE(bounds->traffic, 1 + 1e-9) << fmt::format("{}", fmt::join(plan, " "));
    EXPECT_LE(bounds->few, 1 + 1e-9) << fmt::format("{}", fmt::join(plan, " "));
  }
  return found;
}

/// No bound exceeds the step, and each comes near it somewhere: one a fifth larger would.
class PlanBounds : public testing::TestWithParam<const char*> {};

TEST_P(PlanBounds, AreBelowTheStepAndNearIt) {
  const Largest found = largest_bounds(std::string(model) + GetParam(), 240);
  EXPECT_GT(found.plans, 120);
  EXPECT_GT(1.2 * found.bounds.compute, 1);
  EXPECT_GT(1.2 * found.bounds.traffic, 1);
  EXPECT_GE(found.bounds.traffic, found.bounds.compute);
}

INSTANTIATE_TEST_SUITE_P(
    Fleets, PlanBounds,
    testing::Values("fleet.chips=H100:128\ntopology.kind=nccl\n",
                    "fleet.chips=H100:128\ntopology.kind=ring\nfabric.link_bandwidth=5GB/s\n",
                    "fleet.chips=GB200:144\ntopology.kind=tree\n",
                    "fleet.chips=H100:64, GB200:64\ntopology.kind=nccl\n",
                    "fleet.chips=H100:64, GB200:64\ntopology.kind=ring\n"
                    "job.work_share=proportional\n"
                    "job.context_method=ring\n",  // no bound knows what gathers add on a mix
                    "fleet.chips=H100:128\ntopology.kind=hierarchical_ring\n",
                    "fleet.chips=H100:128\ntopology.kind=switch_reduce\njob.overlap=0\n",
                    "fleet.chips=H100:128\ntopology.kind=nccl\njob.schedule=zero_bubble\n",
                    "fleet.chips=H100:128\ntopology.kind=nccl\njob.schedule=dual\n",
                    "fleet.chips=H100:128\ntopology.kind=nccl\njob.experts=8\njob.top_k=2\n"
                    "job.expert_hidden=4096\n",
                    "fleet.chips=H100:128\ntopology.kind=nccl\njob.experts=8\njob.top_k=2\n"
                    "job.expert_hidden=4096\njob.schedule=dual\njob.expert=4\n"));

TEST(PlanBounds, AFewReplicasSayMostOfALargeJob) {
  const Largest found =
      largest_bounds("fleet.chips=H100:8192\ntopology.kind=nccl\njob.context=1\n", 40);
  EXPECT_GT(found.few, 5);
  EXPECT_GT(1.1 * found.bounds.few, 1);
}

}  // namespace
}  // namespace lockstep
