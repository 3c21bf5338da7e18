// The chip's own box of hardware smoothing: closed forms of its ramps, one chip against a state
// machine integrated in small steps, whole fleets against every chip's phases under its level.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "engine/power/smoothing/box_law.hpp"
#include "tests/unit/held_phases.hpp"
#include "tests/unit/metered_steps.hpp"

namespace lockstep {
namespace {

using test::jobs_of;
using test::join;
using test::make_point;
using test::square;
using test::value_of;

constexpr double any = std::numeric_limits<double>::infinity();

/// Idle 0, full 1 W, rises by 1 W/s.
BoxLaw unit_law() {
  return {.full = 1, .peak = 1.1, .ramp_up = 1, .ramp_down = 1, .exponent = 1.9};
}

TEST(Ramp, LosesItsKnownShare) {
  struct Row {
    double begun, share;
  };
  for (const auto& [begun, share] : {Row{0, .3448}, {.3, .2130}, {.5, .1446}, {.8, .0544}}) {
    EXPECT_NEAR(unit_law().lost_time(begun, 10, 1) / (1 - begun), share, 5e-5);
    // Shorter work, in small steps.
    double done = 0, time = 0;
    for (const double step = 1e-6; done < 0.3 * (1 - begun); time += step)
      done += step * std::pow(std::min(1.0, begun + time), 1 / 1.9);
    EXPECT_NEAR(unit_law().lost_time(begun, 0.3 * (1 - begun), 1), time - 0.3 * (1 - begun), 5e-6);
  }
  EXPECT_EQ(unit_law().lost_time(1, 10, 1), 0);
  // A rise that takes years leaves the speed of its beginning.
  BoxLaw slow = unit_law();
  for (const double ramp : {1e-12, 1e-9, 1e-7, 1e-6}) {
    slow.ramp_up = ramp;
    EXPECT_NEAR(slow.lost_time(0.5, 3, 1), 3 * (std::pow(0.5, -1 / 1.9) - 1), 1e-5) << ramp;
  }
  // A chip that computes for half of the time meets a ramp twice as steep.
  EXPECT_NEAR(unit_law().lost_time(0, 10, 0.5), 0.5 * .3448, 5e-5);
}

struct BoxCase {
  double floor, ramp_up, ramp_down, stop_delay, lead, waiting;
};

/// A chip of 700 W that computes for `work` s at 630 W, then waits for `wait` s, again and again:
/// how long each round takes, and what it draws. Times in s, powers in W.
class SmallSteps {
 public:
  SmallSteps(const BoxCase& box, double work, double wait) : box_(box), work_(work), wait_(wait) {}

  /// Steps are `width` long, but for the last of a stretch.
  void round(double width) {
    time = energy = 0;
    double done = 0;
    while (done < work_) {
      const double power = std::min(630.0, level_);
      const double speed = power >= 630 ? 1 : std::pow((power - 72) / (630 - 72), 1 / 1.9);
      const double step = std::min(width, (work_ - done) / speed);
      done += speed * step;
      spend(step, std::max(power, std::min(level_, 700 * box_.floor)));
      rise(step);
    }
    const double asks = 350, least = 700 * box_.waiting, held = 700 * box_.floor;
    bool fallen = false;
    for (double waited = 0; waited < wait_ - 1e-12;) {
      const double step = std::min(width, wait_ - waited);
      spend(step, std::max(asks, std::min(level_, held)));
      waited += step;
      const bool raised = box_.lead > 0 && waited > wait_ - box_.lead;
      if (waited <= box_.stop_delay || (raised && !fallen)) {
        rise(step);
      } else if (!raised) {
        if (!fallen) level_ = std::min(level_, std::max(held, least));
        fallen = true;
        level_ = box_.ramp_down == any ? least : std::max(least, level_ - box_.ramp_down * step);
      } else {
        rise(step);
      }
    }
  }

  double time = 0, energy = 0;  ///< of the last round

 private:
  void spend(double step, double power) {
    time += step;
    energy += step * power;
  }
  void rise(double step) { level_ = std::min(770.0, level_ + box_.ramp_up * step); }

  BoxCase box_;
  double work_, wait_, level_ = 770;
};

std::string watts_a_second(double ramp) {
  return ramp == any ? "unlimited" : fmt::format("{}W/s", ramp);
}

TEST(OneChip, IsAStateMachineInSmallSteps) {
  constexpr double width = 5e-5;
  int cases = 0, slowed = 0;
  double most = 0;
  for (const double floor : {0.0, 0.6, 0.9})
    for (const double up : {300.0, 1500.0})
      for (const double down : {150.0, 2000.0, any})
        for (const double delay : {0.0, 0.2, 0.55, 0.7})
          for (const double lead : {0.0, 0.15})
            for (const double waiting : {0.5, 0.2}) {
              const BoxCase box{floor, up, down, delay, lead, waiting};
              SCOPED_TRACE(fmt::format("{} {} {} {} {} {}", floor, up, down, delay, lead, waiting));
              const Jobs jobs = jobs_of(join(
                  square(0.4),
                  fmt::format("sampling.steps=4\nsampling.warmup_steps=1\npower.resolution=0.1ms\n"
                              "power.floor={}\npower.ramp_up={}\npower.ramp_down={}\n"
                              "power.stop_delay={}s\npower.stack={}\npower.lead={}s\n"
                              "power.waiting={}",
                              floor, watts_a_second(up), watts_a_second(down), delay,
                              lead > 0 ? "tuned" : "untuned", lead, waiting)));
              const std::vector<double> steps = jobs.run_trial(0, 1).training.step_time;
              SmallSteps chip(box, 0.4, 0.6);
              chip.round(width);
              double time = 0, energy = 0;
              for (const double step : steps) {
                chip.round(width);
                EXPECT_NEAR(step, chip.time, 4 * width);
                time += chip.time;
                energy += chip.energy;
              }
              // Host 230 W; the last bin of the trace may be cut.
              EXPECT_NEAR(value_of(jobs, "power_mean") / 16 - 230, energy / time, 0.2);
              slowed += steps.back() > 1.001;
              most = std::max(most, steps.back());
              ++cases;
            }
  EXPECT_GT(slowed, cases / 4);
  EXPECT_LT(slowed, cases * 3 / 4);
  EXPECT_GT(most, 1.05);
}

TEST(Box, ThatNeverFallsLeavesTheBits) {
  const std::string lines = join(square(0.5), "power.floor=0.9\nnoise.step_jitter=0.01");
  const Jobs without = jobs_of(lines);
  const Jobs high =
      jobs_of(join(lines, "power.stop_delay=1s\npower.ramp_up=100W/s\npower.ramp_down=100W/s"));
  EXPECT_EQ(without.run_trial(0, 1).training.step_time, high.run_trial(0, 1).training.step_time);
  EXPECT_EQ(value_of(without, "power_mean"), value_of(high, "power_mean"));
  EXPECT_EQ(value_of(without, "power_swing"), value_of(high, "power_swing"));
  const Jobs low = jobs_of(join(lines, "power.stop_delay=0.1s\npower.ramp_up=100W/s"));
  EXPECT_NE(without.run_trial(0, 1).training.step_time, low.run_trial(0, 1).training.step_time);
}

TEST(Box, WearsWhileTheFloorHoldsIt) {
  const std::string lines = join(square(0.5), "power.floor=0.8");
  EXPECT_NEAR(value_of(jobs_of(lines), "power_smoothing_time"), 0.5, 1e-9);
  EXPECT_NEAR(value_of(jobs_of(join(lines, "power.floor=0.5")), "power_smoothing_time"), 0, 1e-12);
  EXPECT_NEAR(value_of(jobs_of(join(lines, "power.floor=1")), "power_smoothing_time"), 1, 1e-9);
  // Held for 0.1 s, then from 560 to 350 W by 1,000 W/s.
  const Jobs falls = jobs_of(join(lines, "power.stop_delay=0.1s\npower.ramp_down=1000W/s"));
  EXPECT_NEAR(value_of(falls, "power_smoothing_time"), 0.1 + 0.21, 1e-6);
}

TEST(TunedStack, LosesNoTimeAndFallsBetween) {
  const std::string lines = join(square(0.4), R"(
    power.floor=0.8
    power.stop_delay=0s
    power.ramp_up=1000W/s
    power.ramp_down=1000W/s)");
  const Jobs untuned = jobs_of(lines);
  const Jobs tuned = jobs_of(join(lines, "power.stack=tuned"));
  // From 350 to 630 W in 0.28 s; idle 72 W.
  const double begun = 278.0 / 558;
  const double lost = 0.28 * (1 - 1.9 / 2.9 * (1 - std::pow(begun, 2.9 / 1.9)) / (1 - begun));
  EXPECT_NEAR(untuned.run_trial(0, 1).training.step_time[5], 1 + lost, 1e-9);
  EXPECT_NEAR(tuned.run_trial(0, 1).training.step_time[5], 1, 1e-9);
  EXPECT_NEAR(value_of(tuned, "power_slowdown"), 0, 1e-12);
  // A second floor below the first.
  const Jobs second = jobs_of(join(lines, "power.stack=tuned\npower.waiting_floor=0.5"));
  EXPECT_NEAR(value_of(second, "power_trough"), 16 * (350 + 230), 1e-6);
  EXPECT_LT(value_of(second, "energy_per_step"), value_of(tuned, "energy_per_step"));
}

// Two generations in one pipeline's tensor groups too, stragglers, coupled replicas.
constexpr std::string_view fleet = R"(
  fleet.chips=H100:48, GB200:16
  job.model_parameters=8e9
  job.layers=32
  job.hidden=4096
  job.tensor=2
  job.pipeline=4
  job.tokens_per_chip=4096
  noise.straggler_fraction=0.1
  fabric.hop_latency=5us
  fabric.hop_bandwidth=2GB/s
  sampling.steps=4
  sampling.warmup_steps=1
  power.meter=on
  power.resolution=10ms
  power.floor=0.8
  power.stop_delay=50ms
  power.ramp_up=900W/s
  power.ramp_down=500W/s
)";

class HeldTraces : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(HeldTraces, AreTheSumOfEveryChipsPhases) {
  const auto point = test::make_held_point(join(fleet, GetParam().second));
  const Power power = power_from(point->values());
  const MeteredJob job(*point, power);
  PowerMeter meter(job);
  test::HeldPhases list(*point, power), control(*point, power.plain());
  StepObserver* const all[] = {&meter, &list, &control};
  TrainingSteps(*point, 3, 1).run(all);

  const std::size_t bins = meter.trace().bins_until(meter.end());
  ASSERT_GT(bins, 20u);
  const std::vector<double> trace = meter.trace().bins(bins);
  double most = 0, largest_error = 0, other = 0, sum = 0, told = 0;
  for (std::size_t g = 0; g < job.chips.size(); ++g)
    most += job.chips[g].peak * point->chips_by_generation()[g];
  for (std::size_t b = 0; b < bins; ++b) {
    const double from = 0.01 * static_cast<double>(b), to = from + 0.01;
    const double mean = list.mean(from, to);
    largest_error = std::max(largest_error, std::abs(trace[b] - mean));
    other = std::max(other, std::abs(trace[b] - control.mean(from, to)));
    sum += trace[b];
    told += mean;
    EXPECT_GE(trace[b], 0);
    EXPECT_LE(trace[b], most * (1 + 1e-12));
  }
  EXPECT_LT(largest_error, 1e-9 * most);
  EXPECT_NEAR(sum, told, 1e-9 * told);
  EXPECT_GT(other, 1e-2 * most);
  EXPECT_EQ(list.ramping() > 0, power.ramp_up.has_value());
}

INSTANTIATE_TEST_SUITE_P(
    Power, HeldTraces,
    testing::Values(std::pair{"usual", ""}, std::pair{"waiting_is_less", "power.waiting=0.3"},
                    std::pair{"tuned", "power.stack=tuned\npower.lead=100ms\npower.waiting=0.7"},
                    std::pair{"second_floor", "power.stack=tuned\npower.waiting_floor=0.6"},
                    std::pair{"not_together", "job.gradient_clipping=off\npower.waiting=0.4"},
                    std::pair{"local_sgd",
                              "job.sync_every=2\njob.gradient_clipping=off\npower.waiting=0.3"},
                    std::pair{"coupled", "job.context=2"},
                    std::pair{"at_once", "power.ramp_up=unlimited\npower.ramp_down=unlimited"}),
    [](const auto& row) { return std::string(row.param.first); });

TEST(Box, OfTheSlowestChipDelaysItsGroup) {
  // Tensor groups of 8 hold chips of both generations; two replicas keep pace.
  const auto point = test::make_held_point(
      join(fleet, "fleet.chips=H100:12, GB200:12\njob.tensor=8\njob.pipeline=1\njob.context=2"));
  const Layout& layout = point->layout();
  ASSERT_EQ(layout.coupled, 2);
  const auto begun = (*point->scenario().stage_delay)(*point);
  const auto& boxes = static_cast<const ChipBoxes&>(*begun);
  const auto replicas = static_cast<std::size_t>(layout.replicas);
  ASSERT_GT(boxes.boxes().size(), replicas);  // some windows have two
  std::vector<double> time(replicas, 2.0), busy(static_cast<std::size_t>(layout.chips()), 0.0);
  begun->delay(time);
  EXPECT_EQ(time, std::vector<double>(replicas, 2.0));  // all are open
  std::vector<double> begin(replicas), end(replicas), microbatch(replicas, 0.1);
  for (std::size_t r = 0; r < replicas; ++r) end[r] = 1.2 + 0.1 * static_cast<double>(r);
  begun->see({begin, end, microbatch, 2.5, {}, true, true});
  begun->delay(time);
  begun->add_to_chips(busy);
  std::vector<double> most(replicas / 2, 0.0), chips(2, 0.0);
  for (const ChipBoxes::Box& box : boxes.boxes()) {
    EXPECT_GT(box.lost, 0);
    most[box.window / 2] = std::max(most[box.window / 2], box.lost);
    chips[box.generation] += box.chips * box.lost;
  }
  for (std::size_t r = 0; r < replicas; ++r) EXPECT_EQ(time[r], 2 + most[r / 2]);
  std::vector<double> told(2, 0.0);
  for (std::size_t i = 0; i < busy.size(); ++i) told[layout.generation[i]] += busy[i];
  for (std::size_t g = 0; g < 2; ++g) {
    EXPECT_GT(chips[g], 0);
    EXPECT_NEAR(told[g], chips[g], 1e-12 * chips[g]);
    EXPECT_NEAR(begun->busy()[g], chips[g], 1e-12 * chips[g]);
  }
}

// What it sees of a step is the same whether others look at all of it or nobody does.
TEST(Box, SeesEveryReplicaOfAStep) {
  const auto point = test::make_held_point(
      join(fleet, "fleet.chips=H100:1024\njob.tensor=2\njob.pipeline=2\nsampling.steps=8"));
  ASSERT_GT(point->layout().replicas, 200);
  struct Nothing : StepObserver {
    void see(const StepView&) override {}
  } nothing;
  StepObserver* const looking[] = {&nothing};
  const auto seen = TrainingSteps(*point, 3, 1).run(looking);
  const auto unseen = TrainingSteps(*point, 3, 1).run();
  ASSERT_EQ(seen.size(), 8u);
  for (std::size_t s = 0; s < seen.size(); ++s)
    EXPECT_EQ(seen[s].step_time, unseen[s].step_time) << s;
}

TEST(Box, LengthensTheComputeOfATrial) {
  const auto held = test::make_held_point(join(fleet, "power.ramp_up=50W/s"));
  const auto open = test::make_held_point(join(fleet, "power.stop_delay=none"));
  TrainingSteps slow(*held, 3, 1), fast(*open, 3, 1);
  const double longer = mean_step(slow.run()).compute_time,
               compute = mean_step(fast.run()).compute_time;
  EXPECT_GT(longer, 1.01 * compute);
  EXPECT_GT(slow.busy()[0], 1.001 * fast.busy()[0]);
}

}  // namespace
}  // namespace lockstep
