// What smooths a fleet's power: the law of a capped chip, what cap and filler do to steps, what a
// floor leaves, staggered starts, storage; and the same trial without it beside.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "engine/power/smoothing/chip_speed.hpp"
#include "tests/unit/metered_steps.hpp"

namespace lockstep {
namespace {

using test::jobs_of;
using test::join;
using test::scenario_values;
using test::square;
using test::value_of;

TEST(Cap, FollowsWhatH200Measured) {
  // Idle 75, full 700 W, g = 1.9; MLPerf Inference v4.1 at that cap over unlimited.
  struct Row {
    double watts, law, measured;
  };
  for (const auto& [watts, law, measured] :
       {Row{500, 0.816, 0.807}, {450, 0.764, 0.758}, {400, 0.709, 0.737}, {350, 0.649, 0.652}}) {
    EXPECT_NEAR(speed_at(watts, 700, 75, 1.9), law, 5e-4);
    EXPECT_NEAR(speed_at(watts, 700, 75, 1.9), measured, 0.03);
  }
  EXPECT_EQ(speed_at(700, 700, 75, 1.9), 1);
  EXPECT_EQ(speed_at(900, 700, 75, 1.9), 1);
}

TEST(Cap, IsFeltByTheStepBeforeItsCollective) {
  // 0.5 s of compute at 630 W of 72, 0.5 s of communication at 350 W.
  const std::string half = square(0.5);
  const Jobs capped = jobs_of(join(half, "power.cap=400W"));
  const double speed = std::pow((400.0 - 72) / (630 - 72), 1 / 1.9);
  const TrialResult result = capped.run_trial(0, 1).training;
  EXPECT_NEAR(result.compute_time[0], 0.5 / speed, 1e-9);
  EXPECT_NEAR(result.communication_time[0], 0.5, 1e-3);
  EXPECT_NEAR(value_of(capped, "power_swing"), 16 * (400 - 350), 1e-6);
  EXPECT_NEAR(value_of(capped, "power_slowdown"), 0.5 / speed - 0.5, 1e-3);
  const double energy = 400 * 0.5 / speed + 350 * 0.5 + 230 * (0.5 / speed + 0.5);
  EXPECT_NEAR(value_of(capped, "energy_overhead"), energy / (315 + 175 + 230) - 1, 1e-3);
  // One above what a chip draws changes nothing, to the bit.
  const Jobs high = jobs_of(join(half, "power.cap=631W")), without = jobs_of(half);
  EXPECT_EQ(high.run_trial(0, 1).training.step_time, without.run_trial(0, 1).training.step_time);
  EXPECT_EQ(value_of(high, "energy_overhead"), 0);
  EXPECT_THROW(jobs_of(join(half, "power.cap=72W")), InputError);
}

TEST(Cap, SlowsEachGenerationByItsOwnLaw) {
  const std::string lines = join(test::quiet, test::free_network, R"(
    fleet.chips=H100:16, GB200:16
    job.tensor=1
    job.pipeline=1
    job.model_parameters=8e9
    job.tokens_per_chip=8192
    power.meter=on)");
  const Jobs without = jobs_of(lines), with = jobs_of(join(lines, "power.cap=600W"));
  const auto chip_time = [](const Jobs& jobs, std::size_t chip) {
    return jobs.all()[0]->work().chip_time[chip];
  };
  const auto& generation = without.all()[0]->layout().generation;
  for (std::size_t i = 0; i < generation.size(); ++i) {
    const double full = generation[i] == 0 ? 630 : 1080, idle = generation[i] == 0 ? 72 : 190;
    EXPECT_NEAR(chip_time(without, i) / chip_time(with, i),
                std::pow((600 - idle) / (full - idle), 1 / 1.9), 1e-12);
  }
}

TEST(Filler, FillsWaitsAndSlowsCompute) {
  const std::string half = square(0.5);
  const Jobs filled = jobs_of(join(half, "power.filler=0.8\npower.filler_slowdown=0.04"));
  EXPECT_NEAR(value_of(filled, "power_swing"), 16 * 0.1 * 700, 1e-6);
  EXPECT_NEAR(filled.run_trial(0, 1).training.compute_time[0], 0.52, 1e-9);
  EXPECT_NEAR(value_of(filled, "power_slowdown"), 0.02, 1e-6);
  const double energy = 630 * 0.52 + 560 * 0.5 + 230 * 1.02;
  EXPECT_NEAR(value_of(filled, "energy_overhead"), energy / (315 + 175 + 230) - 1, 1e-3);
}

TEST(Floor, CostsEnergyAndNoTime) {
  const std::string half = square(0.5);
  const Jobs held = jobs_of(join(half, "power.floor=0.8")), without = jobs_of(half);
  EXPECT_EQ(held.run_trial(0, 1).training.step_time, without.run_trial(0, 1).training.step_time);
  EXPECT_NEAR(value_of(held, "power_trough"), 16 * (0.8 * 700 + 230), 1e-6);
  EXPECT_NEAR(value_of(held, "energy_overhead"), 0.3 * 700 * 0.5 / 720, 1e-3);
  EXPECT_EQ(value_of(held, "power_slowdown"), 0);
}

/// Of 100 MW of GB200 at a floor of 0.9 peaks of 1.1 leave more than 10 MW.
TEST(Floor, CannotMeetTenMegawattsOfAHundred) {
  const std::string lines = join(square(0.5), R"(
    fleet.chips=GB200:64
    power.conversion_efficiency=0.94
    power.network_share=0.1
    power.pue=1.2
    power.overshoot_time=50ms
    power.floor=0.9)");
  const Jobs jobs = jobs_of(lines);
  const double chips = value_of(jobs, "power_largest_fleet", 0);  // of ERCOT's limit
  EXPECT_NEAR(chips, 10e6 / (0.2 * 1200 / 0.94), 1e-6 * chips);
  EXPECT_LT(chips / 64 * value_of(jobs, "power_mean"), 100e6);
  // The program says so for a fleet that large; with storage it leaves it open.
  const auto says = [&](const std::string& more) {
    const Jobs large = jobs_of(join(lines, "fleet.chips=GB200:51200\nsampling.steps=2", more));
    std::vector<std::string> texts;
    for (const CapabilityNote& note : power_capability.notes)
      note.find(*large.capabilities()[0].prepared, large, texts);
    return std::ranges::any_of(texts, [](const std::string& text) {
      return text.starts_with("Peaks of 1.1 TDP") && text.find("ercot_2026") != std::string::npos;
    });
  };
  EXPECT_TRUE(says(""));
  EXPECT_FALSE(says("power.storage=65J"));
  EXPECT_FALSE(says("power.overshoot_time=0s"));
}

TEST(Stagger, OfHalfAStepTakesTheSwingAway) {
  const std::string two = join(square(0.5),
                               "fleet.chips=H100:16, H200:16\n"
                               "job.work_share=isolated\nchip.H200.idle_power=72W");
  EXPECT_NEAR(value_of(jobs_of(two), "power_swing"), 2 * 16 * 280, 1e-3);
  const Jobs apart = jobs_of(join(two, "power.stagger=0.5s"));
  // But for the bins in which edges meet.
  EXPECT_LT(value_of(apart, "power_swing"), 0.01 * 2 * 16 * 280);
  EXPECT_NEAR(value_of(apart, "power_mean"), value_of(jobs_of(two), "power_mean"), 1);
  EXPECT_THROW(jobs_of(join(two, "power.stagger=1min")), InputError);
}

TEST(Shelf, OfGb300FlattensShortStepsAlone) {
  // 65 J against 280 W, half of the time: E = D / 4 x T.
  const std::string lines = join(square(0.5),
                                 "power.storage=65J\npower.storage_efficiency=1\n"
                                 "power.storage_window=4s");
  const Jobs second = jobs_of(lines);  // 70 J
  EXPECT_GT(value_of(second, "power_swing"), 0.5 * 16 * 280);
  const Jobs large = jobs_of(join(lines, "power.storage=71J"));
  EXPECT_LT(value_of(large, "power_swing"), 0.01 * 16 * 280);
  EXPECT_NEAR(value_of(large, "energy_overhead"), 0, 1e-3);
  const Jobs lossy = jobs_of(join(lines, "power.storage=90J\npower.storage_efficiency=0.8"));
  EXPECT_LT(value_of(lossy, "power_swing"), 0.02 * 16 * 280);
  // (1 - e) / e of what it gives, D e / (1 + e) for half of the time.
  EXPECT_NEAR(value_of(lossy, "energy_overhead"), 280 * 0.8 / 1.8 * 0.5 * 0.25 / 720, 2e-3);
}

TEST(Shelf, IsThatOfEachJob) {
  // Half a step apart the jobs' swings cancel on the grid, but not in their own shelves: each is
  // emptied as if it were alone, and its losses are paid.
  const std::string two = join(square(0.5), R"(
    fleet.chips=H100:16, H200:16
    job.work_share=isolated
    chip.H200.idle_power=72W
    power.stagger=0.5s
    power.storage=90J
    power.storage_window=4s
    power.storage_efficiency=0.8)");
  const double alone = value_of(jobs_of(join(square(0.5),
                                             "power.storage=90J\npower.storage_window=4s\n"
                                             "power.storage_efficiency=0.8")),
                                "power_mean");
  EXPECT_NEAR(value_of(jobs_of(two), "power_mean"), 2 * alone, 2e-3 * alone);
  const double free = value_of(jobs_of(join(two, "power.storage=0J")), "power_mean");
  EXPECT_GT(value_of(jobs_of(two), "power_mean"), 1.01 * free);
}

/// The largest change of a chip's power within a window, in steps of 1 ms.
double largest_in_small_steps(double window, const std::function<double(double)>& watts) {
  double largest = 0;
  const auto wide = static_cast<int>(std::lround(window * 1000));
  for (int ms = -wide - 5; ms < 20000; ++ms)
    largest = std::max(largest, std::abs(watts(1e-3 * (ms + wide)) - watts(1e-3 * ms)));
  return largest;
}

TEST(StartAndStop, AreTheLargestRampsOfTheirCourse) {
  constexpr double context = 122, compute = 630;
  for (const double ramp : {40.0, 100.0, 700.0})
    for (const double floor : {0.0, 0.6, 0.9})
      for (const double delay : {0.0, 0.4, 3.0}) {
        SCOPED_TRACE(fmt::format("{} {} {}", ramp, floor, delay));
        const Jobs jobs = jobs_of(join(
            square(0.5), fmt::format("power.floor={}\npower.ramp_up={}W/s\npower.ramp_down={}W/s\n"
                                     "power.stop_delay={}s",
                                     floor, ramp, ramp, delay)));
        const double held = std::max(context, 700 * floor);
        const auto start = [&](double time) {
          return std::min(compute, context + ramp * std::max(0.0, time));
        };
        const auto stop = [&](double time) {
          if (time <= 0) return compute;
          return std::max(context, held - ramp * std::max(0.0, time - delay));
        };
        for (const auto& [place, window] : {std::pair{0, 1.0}, {1, 15.0}}) {
          const auto at = static_cast<std::size_t>(place);
          EXPECT_NEAR(value_of(jobs, "power_start", at), 16 * largest_in_small_steps(window, start),
                      16 * 2e-3 * ramp);
          EXPECT_NEAR(value_of(jobs, "power_stop", at), 16 * largest_in_small_steps(window, stop),
                      16 * 2e-3 * ramp);
        }
      }
  const Jobs free = jobs_of(join(square(0.5), "power.overshoot_time=50ms"));
  EXPECT_NEAR(value_of(free, "power_start"), 16 * (770 - 122), 1e-6);
  EXPECT_NEAR(value_of(free, "power_stop", 2), 16 * (630 - 122), 1e-6);
}

TEST(StartAndStop, JobsApartStartApart) {
  const std::string two = join(square(0.5),
                               "fleet.chips=H100:16, H200:16\njob.work_share=isolated\n"
                               "power.stagger=2s\nchip.H200.context_power=122W");
  EXPECT_NEAR(value_of(jobs_of(two), "power_start"), 16 * (630 - 122), 1e-6);
  EXPECT_NEAR(value_of(jobs_of(two), "power_start", 1), 32 * (630 - 122), 1e-6);
  EXPECT_NEAR(value_of(jobs_of(two), "power_stop"), 32 * (630 - 122), 1e-6);
}

}  // namespace
}  // namespace lockstep
