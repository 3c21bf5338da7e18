// What several design points of a plan ask of a topology is searched for once.

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/run/plan.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep {
namespace {

int asked = 0;

/// ocs_torus that counts how often it is asked.
const TopologyKind& counted_torus() {
  static const TopologyKind kind = [] {
    const auto kinds = topology_kinds();
    TopologyKind counted = **std::find_if(kinds.begin(), kinds.end(),
                                          [](const auto* row) { return row->name == "ocs_torus"; });
    static const auto settle = counted.settle;
    counted.settle = [](const SettleRequest& request) {
      ++asked;
      return settle(request);
    };
    return counted;
  }();
  return kind;
}

Plan plan_of(const std::vector<std::pair<std::string, std::string>>& lines) {
  static const TopologyKind* const kinds[] = {&counted_torus()};
  StudyText text{.path = "x.ini", .directory = ".", .text = "", .entries = {}};
  text.entries = {{"fleet.chips", "TPUv4:640", "x.ini"},
                  {"topology.kind", "ocs_torus", "x.ini"},
                  {"job.tensor", "4", "x.ini"},
                  {"job.tokens_per_chip", "8192", "x.ini"},
                  {"sampling.trials", "2", "x.ini"}};
  for (const auto& [key, value] : lines) text.entries.push_back({key, value, "x.ini"});
  const std::vector<Parameter>& rows = test::all_rows();
  return make_plan(resolve_study(text, {}, rows), rows, kinds, {});
}

TEST(SettledAnswers, TheSameQuestionIsAskedOnce) {
  asked = 0;
  const Plan plan = plan_of({{"sweep.job.work_share", "equal, proportional"},
                             {"sweep.noise.step_jitter", "0, 0.01"},
                             {"sweep.fleet.chip_spread", "0, 0.01"},
                             {"sweep.fabric.link_bandwidth", "10GB/s, 20GB/s"}});
  ASSERT_EQ(plan.study.points.size(), 16u);
  EXPECT_EQ(asked, 2);  // for each bandwidth
  for (std::int64_t p = 0; p < 16; ++p) {
    const auto known = plan.build(p);
    EXPECT_EQ(asked, 2);
    // The same as without what is known: its own values beside what was chosen.
    const DesignPoint alone(plan.study.points[static_cast<std::size_t>(p)], plan.topologies, 1);
    --asked;
    const DesignPoint& job = *known->all().front();
    EXPECT_EQ(job.choice(), alone.choice());
    EXPECT_EQ(job.noise_free_communication_time(), alone.noise_free_communication_time());
    ASSERT_EQ(job.settled_values().all().size(), alone.settled_values().all().size());
    for (const auto& [key, value] : alone.settled_values().all())
      EXPECT_EQ(job.settled_values().find(key)->canonical, value->canonical) << key;
  }
}

/// Also where nothing is known but what planning found.
TEST(SettledAnswers, PointsThatAreBuiltWhenNeededShareThem) {
  const Plan found = plan_of(
      {{"sweep.noise.step_jitter", "0, 0.01"}, {"sweep.fabric.link_bandwidth", "10GB/s, 20GB/s"}});
  const Plan plan = plan_from(found.study, {found.schema, found.trial_costs}, found.rows,
                              found.topologies, found.capabilities);
  asked = 0;
  for (std::int64_t p = 0; p < 4; ++p) {
    EXPECT_EQ(plan.build(p)->choice(), found.build(p)->choice());
    EXPECT_EQ(asked, p < 1 ? 1 : 2);
  }
}

/// What changes the question is searched for anew.
TEST(SettledAnswers, AnotherQuestionIsAskedAgain) {
  for (const auto& [key, values] : std::vector<std::pair<std::string, std::string>>{
           {"fleet.chips", "\"TPUv4:640\", \"TPUv4:512\", \"TPUv5p:640\""},
           {"job.gradient_bytes", "1GB, 2GB, 3GB"},
           {"job.pipeline", "1, 2, 4"},
           {"job.tensor", "1, 2, 4"},
           {"fabric.link_latency", "0s, 1us, 2us"},
           {"topology.repatch", "off, on"},
           {"topology.slices", "1, 2, 5"}}) {
    asked = 0;
    const Plan plan = plan_of({{"sweep." + key, values}});
    ASSERT_GE(plan.study.points.size(), 2u);
    EXPECT_EQ(asked, static_cast<int>(plan.study.points.size())) << key;
  }
}

/// Drawn inputs that change no question ask nothing; those that do are not kept.
TEST(SettledAnswers, TrialsWithDrawnInputsUseThem) {
  asked = 0;
  const Plan plan = plan_of({{"noise.step_jitter", "uniform(low=0, high=0.01)"}});
  EXPECT_EQ(asked, 1);
  plan.run_block(0, *plan.build(0), 1);
  EXPECT_EQ(asked, 1);
  const Plan other = plan_of({{"fabric.link_latency", "uniform(low=1us, high=2us)"}});
  EXPECT_EQ(asked, 2);
  other.run_block(0, *other.build(0), 1);
  EXPECT_EQ(asked, 4);  // of two trials
}

}  // namespace
}  // namespace lockstep
