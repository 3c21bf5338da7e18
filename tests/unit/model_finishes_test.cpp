// The latest finish of a step by ready times + costs, against the finishes of the kernels.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "engine/training/course/step_course.hpp"
#include "engine/training/trial/training_step.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep {
namespace {

using Finishes = StepCourse::Finishes;

// Of a step; ready times and costs are added in another order than hop by hop.
constexpr double tolerance = 2e-15;

struct Seen {
  std::vector<double> latest;  // of the steps, only that asked for
  std::int64_t differing = 0;  // from the latest finish of the kernels by rounding
};

/// Some steps of a job whose stages take unequal times, asked for all that can be asked.
Seen compare(const std::string& lines) {
  const auto point = test::make_point(test::join(test::quiet, lines));
  const Layout& layout = point->layout();
  const Scenario& scenario = point->scenario();
  const auto replicas = static_cast<std::size_t>(layout.replicas);
  const TrialChips chips = draw_chips(*point, 3);
  const LinkState links{.link = chips.link_factor};
  StepCourse course(*point);
  course.begin(links);
  Seen seen;
  for (std::uint32_t step = 0; step < 6; ++step) {
    const Stream stream{step, purpose::step_jitter, 0};
    std::vector<double> stage(static_cast<std::size_t>(layout.pipeline) * replicas);
    for (std::size_t i = 0; i < stage.size(); ++i)
      stage[i] =
          point->work().chip_time[0] * (1 + (step % 3 == 0 ? 0 : 1e-2) * stream.uniform(i, 0));
    const StepNoise noise{&scenario.noise, 7, 3, step};
    const auto run = [&](Finishes asked) {
      course.run(stage, {}, true, asked, noise, 1);
      return course.latest();
    };
    const double only = run(Finishes::latest);
    EXPECT_EQ(run(Finishes::latest_and_all), only) << lines;
    const double of_all = std::ranges::max(course.finish());
    EXPECT_EQ(run(Finishes::all), of_all) << lines;
    EXPECT_NEAR(only, of_all, tolerance * of_all) << lines;
    seen.differing += only != of_all;
    seen.latest.push_back(only);
  }
  return seen;
}

constexpr const char* kinds[] = {"ring",      "tree", "hierarchical_ring", "switch_reduce", "torus",
                                 "ocs_torus", "nccl"};

std::string job(const std::string& kind) {
  return "fleet.chips=H100:640, H200:384, GB200:512\njob.tensor=4\njob.pipeline=4\n"
         "job.model_parameters=8e9\njob.layers=32\njob.hidden=4096\ntopology.kind=" +
         kind + "\n";
}

TEST(Finishes, LatestOfEveryKindWithSlowLinksAndLateMessages) {
  for (const char* kind : kinds) {
    std::vector<std::vector<double>> all;
    for (const char* links : {"", "noise.slow_link_fraction=0.01\n"})
      for (const char* late :
           {"", "noise.spike_probability=1e-5\nnoise.spike_delay=exponential(mean=2s)\n"})
        all.push_back(compare(test::join(job(kind), links, late)).latest);
    // Each of them counts.
    EXPECT_LT(all[0], all[1]) << kind;
    EXPECT_LT(all[0], all[2]) << kind;
    EXPECT_LT(all[2], all[3]) << kind;
  }
}

TEST(Finishes, LatestWhereOtherPhasesRun) {
  for (const char* more :
       {"job.data_parallel=all_reduce\n", "job.prefetch=on\njob.virtual_stages=2\n",
        "job.data_parallel=fsdp\n", "job.data_parallel=hsdp\njob.shard_group=8\n",
        "job.interference=0.3\n", "job.free_phases=parameters\n", "job.free_phases=gradients\n",
        "noise.hop_jitter=exponential(mean=1us)\ntopology.method=exact\n"})
    for (const char* kind : {"ring", "tree"}) compare(test::join(job(kind), more));
}

/// Whether something looks into the steps changes no bit of them, skewed or together.
TEST(Finishes, ObserversChangeNothing) {
  struct Nothing : StepObserver {
    std::size_t seen = 0;
    void see(const StepView& step) override {
      seen += step.finish.size();
      EXPECT_LE(std::ranges::max(step.finish), step.end * (1 + 1e-14));
    }
  };
  for (const char* kind : kinds)
    for (const char* more : {"", "job.gradient_clipping=off\n", "job.sync_every=3\n"}) {
      const auto point = test::make_point(test::join(
          job(kind), more, "noise.slow_link_fraction=0.01\nnoise.spike_probability=1e-6\n"));
      Nothing nothing;
      StepObserver* const observers[] = {&nothing};
      const auto seen = TrainingSteps(*point, 0, 1).run(observers);
      const auto unseen = TrainingSteps(*point, 0, 1).run();
      ASSERT_EQ(seen.size(), unseen.size());
      for (std::size_t s = 0; s < seen.size(); ++s) {
        EXPECT_EQ(seen[s].step_time, unseen[s].step_time) << kind << more;
        EXPECT_EQ(seen[s].communication_time, unseen[s].communication_time) << kind << more;
      }
      EXPECT_EQ(nothing.seen, seen.size() * static_cast<std::size_t>(point->layout().chips()));
    }
}

}  // namespace
}  // namespace lockstep
