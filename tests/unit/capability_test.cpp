// A capability that only a test knows: registered by one record, it brings a parameter, a dimension
// of its own, a look into the steps and two variables, and nothing else is touched.

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "engine/run/plan.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep {
namespace {

// [capability], shown by the README
/// What chips do with the time of the recorded steps of all jobs, in chip-seconds.
class Shares final : public PreparedCapability {
 public:
  explicit Shares(double unit) : unit_(unit) {}
  struct Observer final : StepObserver {
    double busy = 0, all = 0;
    void see(const StepView& step) override {
      for (std::size_t i = 0; i < step.busy.size(); ++i) {
        busy += step.busy[i];
        all += step.end - (step.start.empty() ? 0 : step.start[i]);
      }
    }
  };
  std::unique_ptr<StepObserver> observer(std::size_t, std::uint32_t) const override {
    return std::make_unique<Observer>();
  }
  MetricValues run_trial(const TrainedTrial& trial) const override {
    double busy = 0, all = 0;
    for (const auto& one : trial.observers) {
      busy += static_cast<const Observer&>(*one).busy / unit_;
      all += static_cast<const Observer&>(*one).all / unit_;
    }
    return {{busy, all - busy}};
  }

 private:
  double unit_;
};

const Capability shares_capability{
    .name = "shares",
    .summary = "chip time by what it is spent on",
    .parameters =
        [] {
          return std::vector<Parameter>{{.key = "shares.unit",
                                         .number = 999,
                                         .dimension = Dimension::time,
                                         .default_text = "1s",
                                         .minimum_is_legal = false,
                                         .summary = "of chip_time",
                                         .source = "a test"}};
        },
    .metrics =
        [] {
          return std::vector<Metric>{
              {.variable = {"chip_time", {"activity"}, "1", "chip time of the recorded steps"}}};
        },
    .extents =
        [] {
          return std::vector<Extent>{{"activity", {"computing", "other"}, "what a chip does"}};
        },
    .columns = {},
    .facts = {},
    .notes = {},
    .prepare = [](const Jobs& jobs) -> std::unique_ptr<const PreparedCapability> {
      return std::make_unique<Shares>(jobs.values().real("shares.unit"));
    }};
// [capability], shown by the README

constexpr const Capability* with_shares[] = {&shares_capability};

StudyText study_text(std::vector<StudyEntry> entries) {
  StudyText text;
  text.path = "x.ini";
  entries.push_back({"fleet.chips", "H100:64, GB200:72", "x.ini"});
  entries.push_back({"job.tokens_per_chip", "8192", "x.ini"});
  entries.push_back({"sampling.trials", "3", "x.ini"});
  text.entries = std::move(entries);
  return text;
}

Plan plan_of(std::vector<StudyEntry> entries) {
  static const std::vector<Parameter> rows = [] {
    std::vector<Parameter> all = engine_parameters(with_shares);
    all.insert(all.end(), topology_parameters().begin(), topology_parameters().end());
    return all;
  }();
  return make_plan(resolve_study(study_text(std::move(entries)), {}, rows), rows, topology_kinds(),
                   with_shares);
}

const std::vector<double>& values_of(const Plan& plan, const BlockResult& block,
                                     std::string_view name) {
  std::size_t v = 0;
  while (plan.schema.variables.at(v).name != name) ++v;
  return block.values[v];
}

/// Chip time and waiting are told twice: by the capability, and by wait_fraction of training.
TEST(Capability, IsOneRecord) {
  for (const char* share : {"equal", "isolated"}) {
    const Plan plan = plan_of({{"job.work_share", share, "x.ini"},
                               {"job.overlap", "0", "x.ini"},
                               {"job.data_parallel", "all_reduce", "x.ini"},
                               {"job.gradient_bytes", "0B", "x.ini"},
                               {"shares.unit", "1h", "x.ini"}});
    EXPECT_EQ(plan.schema.extents.back().name, "activity");
    EXPECT_EQ(plan.schema.variables.back().name, "chip_time");
    const BlockResult block = plan.run_block(0, *plan.build(0), 1);
    const auto& chip_time = values_of(plan, block, "chip_time");
    const auto& wait = values_of(plan, block, "wait_fraction");
    const auto& step = values_of(plan, block, "step_time_by_generation");
    ASSERT_EQ(chip_time.size(), 6u);
    for (std::size_t t = 0; t < 3; ++t) {
      const double all = chip_time[2 * t] + chip_time[2 * t + 1];
      const double chip_seconds =
          10 * (64 * step[2 * t] + 72 * step[2 * t + 1]);  // steps of all chips
      EXPECT_NEAR(all * 3600, chip_seconds, 1e-9 * chip_seconds) << share;
      // Clipping's communication is neither compute nor waiting.
      if (std::string_view(share) == "equal") {
        EXPECT_NEAR(chip_time[2 * t + 1] / all, wait[t], 1e-3);
        EXPECT_GT(chip_time[2 * t + 1] / all, 0.05);
      }
    }
  }
}

TEST(Capability, ThatIsNotRegisteredIsNotThere) {
  const std::vector<Parameter>& rows = test::all_rows();
  const Plan plan = make_plan(resolve_study(study_text({}), {}, rows), rows, topology_kinds(), {});
  for (const Variable& variable : plan.schema.variables) EXPECT_NE(variable.name, "chip_time");
  for (const Extent& extent : plan.schema.extents) EXPECT_NE(extent.name, "activity");
}

}  // namespace
}  // namespace lockstep
