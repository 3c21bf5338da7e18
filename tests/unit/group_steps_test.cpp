// What tensor groups take by one number a step, held against every chip's step factor drawn.

#include "engine/training/trial/group_steps.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <random>

#include "engine/training/trial/training_step.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep {
namespace {

// Level 1e-6 for Kolmogorov's distance times sqrt(n / 2) and for normal scores.
constexpr double kolmogorov_limit = 2.7, score_limit = 4.9;

/// One tensor group: what its chips take alone over the first's, and the laws of its jitter.
struct Case {
  const char* name;
  std::vector<double> alone;
  double step_jitter, operation_jitter;
  const char* more;
  bool by_law;  ///< not chip by chip
};

std::vector<double> group_of(std::size_t chips, std::vector<double> first) {
  first.resize(chips, 1.0);
  return first;
}

const std::vector<Case> cases{
    {"alone", {1}, 0.004, 0, "", true},
    {"alone, much jitter", {1}, 0.3, 0, "", true},
    {"alike", group_of(8, {}), 0.004, 0.02, "", true},
    {"spread", {1.004, 0.998, 1.007, 1, 0.993, 1.001, 0.995, 1.006}, 0.004, 0.02, "", true},
    {"two", {1.003, 1}, 0.004, 0.02, "", false},
    {"many", group_of(32, {1.01, 1.008}), 0.004, 0.02, "", true},
    {"few synchronizations", group_of(8, {}), 0.004, 0.02, "job.synchronizations=16", true},
    {"operations alone", group_of(8, {1.01}), 0, 0.02, "", true},
    {"far slower", group_of(8, {1.15}), 0.004, 0.02, "", true},
    {"somewhat slower", group_of(8, {1.06}), 0.004, 0.02, "", false},
    {"two slower", group_of(8, {1.1, 1.1}), 0.004, 0.02, "", false},
    {"two nearly as slow", group_of(8, {1.1, 1.098}), 0.004, 0.02, "", false},
    {"no operations", group_of(8, {1.004, 1.002}), 0.004, 0, "", false},
    {"jitter of the same size", group_of(8, {1.004, 1.002}), 0.02, 0.02, "", false},
    {"one operation", group_of(8, {}), 0, 0.5, "job.synchronizations=1", false},
};

std::unique_ptr<DesignPoint> point_of(const Case& c, std::size_t groups) {
  return test::make_point(test::join(
      fmt::format("fleet.chips=H100:{}\njob.tensor={}\nnoise.step_jitter={}\n"
                  "noise.operation_jitter={}",
                  groups * c.alone.size(), c.alone.size(), c.step_jitter, c.operation_jitter),
      test::free_network, "fleet.chip_spread=0\njob.compute_time=1s", c.more));
}

/// The same group in every replica, (groups, replicas).
std::vector<double> compute_of(const Case& c, std::size_t groups) {
  std::vector<double> compute;
  for (double alone : c.alone) compute.insert(compute.end(), groups, alone);
  return compute;
}

struct Step {
  double time = 0, busy = 0;
};

/// Every chip's step factor drawn by the standard library: the formula as GroupSteps states it.
class Reference {
 public:
  Reference(const Case& c, const SynchronizationCost& cost, double jitter)
      : case_(c), jitter_(jitter) {
    const auto& alone = c.alone;
    slowest_ = *std::max_element(alone.begin(), alone.end());
    const double others = static_cast<double>(alone.size()) - 1;
    const double sum = std::accumulate(alone.begin(), alone.end(), 0.0);
    waits_ = others > 0 && c.operation_jitter > 0;
    if (!waits_) return;
    cost_ = cost.at((sum - slowest_) / (others * slowest_));
    for (double own : alone)
      share_.push_back(own == slowest_ ? cost_.share : (1 - cost_.share) / others);
    const double shares = std::accumulate(share_.begin(), share_.end(), 0.0);
    for (double& share : share_) share /= shares;
  }

  Step draw() {
    Step step;
    double mean = 0;
    for (std::size_t i = 0; i < case_.alone.size(); ++i) {
      const double factor = std::exp(jitter_ * (normal_(random_) - 0.5 * jitter_));
      step.time = std::max(step.time, case_.alone[i] * factor);
      step.busy += case_.alone[i] * factor;
      if (waits_) mean += share_[i] * factor;
    }
    if (!waits_) return step;
    const double left = std::exp(cost_.residual * (normal_(random_) - 0.5 * cost_.residual));
    step.time = std::max(step.time, slowest_ * (mean - 1 + (1 + cost_.excess) * left));
    return step;
  }

 private:
  const Case& case_;
  std::mt19937_64 random_{83};
  std::normal_distribution<double> normal_;
  double jitter_, slowest_ = 0;
  bool waits_ = false;
  SynchronizationCost::Value cost_;
  std::vector<double> share_;
};

std::vector<Step> reference_steps(const Case& c, const DesignPoint& point, std::size_t count,
                                  double wrong = 1) {
  Reference reference(c, point.synchronization(), wrong * c.step_jitter);
  std::vector<Step> steps(count);
  for (Step& step : steps) step = reference.draw();
  return steps;
}

std::vector<double> times(const std::vector<Step>& steps) {
  std::vector<double> all;
  for (const Step& step : steps) all.push_back(step.time);
  return all;
}

/// Two samples of equal size: sqrt(n / 2) times the largest distance of their distributions.
double distance(std::vector<double> a, std::vector<double> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  double most = 0;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    const double x = std::min(a[i], b[j]);
    while (i < a.size() && a[i] <= x) ++i;
    while (j < b.size() && b[j] <= x) ++j;
    most = std::max(most, std::fabs(static_cast<double>(i) - static_cast<double>(j)));
  }
  const auto n = static_cast<double>(a.size());
  return most / n * std::sqrt(n / 2);
}

/// How far the shares of `a` below quantiles of `b` are from b's, in standard deviations; the two
/// samples are of equal size.
double worst_quantile(const std::vector<double>& a, std::vector<double> b) {
  std::sort(b.begin(), b.end());
  const auto n = static_cast<double>(b.size());
  double worst = 0;
  for (double p : {1e-3, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999}) {
    const double edge = b[static_cast<std::size_t>(p * n)];
    const auto below = [&](const std::vector<double>& x) {
      return static_cast<double>(
          std::count_if(x.begin(), x.end(), [&](double v) { return v <= edge; }));
    };
    worst = std::max(worst, std::fabs(below(a) - below(b)) / std::sqrt(2 * n * p * (1 - p)));
  }
  return worst;
}

double mean_score(const std::vector<double>& a, const std::vector<double>& b) {
  const auto moments = [](const std::vector<double>& x) {
    const double n = static_cast<double>(x.size());
    double mean = 0, square = 0;
    for (double v : x) mean += v / n;
    for (double v : x) square += (v - mean) * (v - mean) / n;
    return std::pair(mean, square / n);
  };
  const auto [ma, va] = moments(a);
  const auto [mb, vb] = moments(b);
  return std::fabs(ma - mb) / std::sqrt(va + vb);
}

TEST(GroupSteps, TakeWhatTheirChipsWould) {
  constexpr std::size_t groups = 512, steps = 500;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const auto point = point_of(c, groups);
    const std::vector<double> compute = compute_of(c, groups);
    GroupSteps drawn(*point, 3);
    drawn.begin(compute);
    std::vector<double> all, stage_time;
    for (std::uint32_t step = 0; step < steps; ++step) {
      drawn.draw(step, compute, {}, GroupSteps::Asked::all, 1, stage_time);
      all.insert(all.end(), stage_time.begin(), stage_time.end());
    }
    const std::vector<double> reference = times(reference_steps(c, *point, all.size()));
    fmt::print("{}: Kolmogorov {:.2f}, quantiles {:.2f}, mean {:.2f}\n", c.name,
               distance(all, reference), worst_quantile(all, reference),
               mean_score(all, reference));
    EXPECT_LT(distance(all, reference), kolmogorov_limit);
    EXPECT_LT(worst_quantile(all, reference), score_limit);
    EXPECT_LT(mean_score(all, reference), score_limit);
    if (c.step_jitter == 0) continue;
    // The control: step factors that spread 15 % more.
    EXPECT_GT(distance(all, times(reference_steps(c, *point, all.size(), 1.15))), kolmogorov_limit);
  }
}

TEST(GroupSteps, HaveALawWhereItHolds) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const auto point = point_of(c, 8);
    const double slowest = *std::max_element(c.alone.begin(), c.alone.end());
    std::vector<double> sorted = c.alone;
    std::sort(sorted.rbegin(), sorted.rend());
    const double n = static_cast<double>(sorted.size());
    const double sum = std::accumulate(sorted.begin(), sorted.end(), 0.0);
    const GroupLaw::Value law =
        point->group_law().at(n > 1 ? (sum - slowest) / ((n - 1) * slowest) : 1);
    const double second = n > 1 ? sorted[1] / slowest : 0;
    EXPECT_EQ(second <= law.second_most, c.by_law) << law.second_most;
  }
}

/// Of a generation so large that those who are not flagged count by their law: the latest, the
/// chip-seconds and what chips wait for the latest.
TEST(GroupSteps, ManyHaveTheLatestAndTheSumOfTheirChips) {
  constexpr std::size_t groups = GroupSteps::few_groups, steps = 1500;
  for (const Case& c : cases) {
    if (!c.by_law || c.alone.size() > 8) continue;
    SCOPED_TRACE(c.name);
    const auto point = point_of(c, groups);
    const std::vector<double> compute = compute_of(c, groups);
    const double chips = static_cast<double>(compute.size());
    GroupSteps drawn(*point, 5);
    drawn.begin(compute);
    Reference reference(c, point->synchronization(), c.step_jitter);
    Reference other(c, point->synchronization(), 1.15 * c.step_jitter);
    std::vector<double> busy[3], latest[3], wait[3], stage_time;
    for (std::uint32_t step = 0; step < steps; ++step) {
      drawn.draw(step, compute, {}, GroupSteps::Asked::all, 1, stage_time);
      latest[0].push_back(*std::max_element(stage_time.begin(), stage_time.end()));
      busy[0].push_back(drawn.busy()[0]);
      for (std::size_t i : {1u, 2u}) {
        Step all;
        for (std::size_t g = 0; g < groups; ++g) {
          const Step one = (i == 1 ? reference : other).draw();
          all = {std::max(all.time, one.time), all.busy + one.busy};
        }
        latest[i].push_back(all.time);
        busy[i].push_back(all.busy);
      }
      for (std::size_t i : {0u, 1u, 2u})
        wait[i].push_back(chips * latest[i].back() - busy[i].back());
    }
    for (const auto* sample : {&busy, &latest, &wait}) {
      EXPECT_LT(distance((*sample)[0], (*sample)[1]), kolmogorov_limit);
      EXPECT_LT(mean_score((*sample)[0], (*sample)[1]), score_limit);
    }
    // The control: step factors that spread 15 % more.
    if (c.step_jitter > 0) {
      EXPECT_GT(distance(latest[0], latest[2]), kolmogorov_limit);
    }
  }
}

// Asked alone, in any order, or all: the same bits, of chip-seconds too.
TEST(GroupSteps, SomeAreThoseOfAll) {
  for (const char* more : {"", "job.context=2\njob.sequence_length=8192\n",
                           "noise.operation_jitter=0.004\n", "fleet.placement=random\n"}) {
    const auto point = test::make_point(
        test::join("fleet.chips=H100:16384, GB200:2048\njob.tensor=4\njob.pipeline=4\n"
                   "noise.straggler_fraction=0.01\n",
                   more));
    const auto replicas = static_cast<std::size_t>(point->layout().replicas);
    const TrialChips chips = draw_chips(*point, 0);
    GroupSteps all(*point, 0), some(*point, 0);
    all.begin(chips.compute);
    some.begin(chips.compute);
    const GroupSteps::Range range = all.range();
    std::vector<double> a, b;
    std::size_t drawn = 0;
    for (std::uint32_t step = 0; step < 20; ++step) {
      all.draw(step, chips.compute, {}, GroupSteps::Asked::all, 1, a);
      b.assign(a.size(), -1);
      some.draw(step, chips.compute, {}, GroupSteps::Asked::some, 1, b);
      EXPECT_EQ(all.busy(), some.busy());
      std::vector<bool> known(a.size());
      for (std::int32_t place : some.drawn()) known[static_cast<std::size_t>(place)] = true;
      drawn += some.drawn().size();
      for (std::size_t r = 0; r < replicas; ++r) {
        const std::size_t replica = 7 * r % replicas;
        if (replica % 3 != 0) continue;
        some.ask(static_cast<std::int64_t>(replica), b);
        for (std::size_t i = replica; i < a.size(); i += replicas) {
          EXPECT_EQ(a[i], b[i]) << more;
          EXPECT_GE(a[i], range.least[i]);
          const std::size_t first = i - i % static_cast<std::size_t>(point->layout().coupled);
          EXPECT_TRUE(a[i] <= range.most[i] || known[first]) << more;
        }
      }
    }
    EXPECT_GT(drawn, 0u);
  }
}

/// Of a job of one group: times, chip-seconds and what the group waits, chips' own included.
TEST(GroupSteps, ChipSecondsFollowTheGroupsTimes) {
  constexpr std::uint32_t steps = 40000;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const auto point = point_of(c, 1);
    const std::vector<double> compute = compute_of(c, 1);
    const auto n = static_cast<double>(c.alone.size());
    GroupSteps drawn(*point, 4), looked_at(*point, 4);
    drawn.begin(compute);
    looked_at.begin(compute);
    std::vector<double> busy, wait, first, stage_time, also;
    std::vector<double> own(compute.size());
    for (std::uint32_t step = 0; step < steps; ++step) {
      drawn.draw(step, compute, {}, GroupSteps::Asked::all, 1, stage_time);
      looked_at.draw(step, compute, {}, GroupSteps::Asked::all_chips, 1, also);
      ASSERT_EQ(stage_time, also) << "to look changes what is seen";
      ASSERT_EQ(drawn.busy(), looked_at.busy());
      looked_at.chips(compute, {}, own);
      ASSERT_NEAR(std::accumulate(own.begin(), own.end(), 0.0), drawn.busy()[0], 1e-12 * n);
      busy.push_back(drawn.busy()[0]);
      wait.push_back(n * stage_time[0] - busy.back());
      first.push_back(stage_time[0] - own[0]);
    }
    const std::vector<Step> reference = reference_steps(c, *point, steps);
    std::vector<double> reference_busy, reference_wait, apart;
    for (std::size_t i = 0; i < reference.size(); ++i) {
      reference_busy.push_back(reference[i].busy);
      reference_wait.push_back(n * reference[i].time - reference[i].busy);
      apart.push_back(n * stage_time[0] - reference[i].busy);
    }
    EXPECT_LT(distance(busy, reference_busy), kolmogorov_limit);
    EXPECT_LT(mean_score(busy, reference_busy), score_limit);
    if (n == 1) {  // no wait but rounding
      for (double one : wait) EXPECT_NEAR(one, 0, 1e-12);
      continue;
    }
    EXPECT_LT(distance(wait, reference_wait), kolmogorov_limit);
    EXPECT_LT(mean_score(wait, reference_wait), score_limit);
    // The control: chip-seconds that do not follow their group's time.
    std::vector<double> unrelated;
    for (std::size_t i = 0; i < wait.size(); ++i)
      unrelated.push_back(wait[i] + busy[i] - busy[(i + 1) % busy.size()]);
    if (c.step_jitter > 0) {
      EXPECT_GT(distance(unrelated, reference_wait), kolmogorov_limit);
    }
  }
}

/// What one chip computes, alone and beside its group's time, is as in the reference.
TEST(GroupSteps, ObservedChipsHaveTheirLaw) {
  constexpr std::uint32_t steps = 40000;
  for (const Case& c : cases) {
    if (c.step_jitter == 0) continue;
    SCOPED_TRACE(c.name);
    const auto point = point_of(c, 2);
    const std::vector<double> compute = compute_of(c, 2);
    GroupSteps drawn(*point, 6);
    drawn.begin(compute);
    std::vector<double> last, stage_time, own(compute.size());
    for (std::uint32_t step = 0; step < steps; ++step) {
      drawn.draw(step, compute, {}, GroupSteps::Asked::all_chips, 1, stage_time);
      drawn.chips(compute, {}, own);
      last.push_back(own.back());
    }
    std::mt19937_64 random(5);
    std::lognormal_distribution<double> factor(-0.5 * c.step_jitter * c.step_jitter, c.step_jitter);
    std::vector<double> reference, control;
    for (std::uint32_t step = 0; step < steps; ++step) {
      reference.push_back(c.alone.back() * factor(random));
      control.push_back(c.alone.back() * (1 + 1.15 * (factor(random) - 1)));
    }
    EXPECT_LT(distance(last, reference), kolmogorov_limit);
    EXPECT_GT(distance(last, control), kolmogorov_limit);
  }
}

// Replicas that share sequences are one group: the same times, and chip-seconds of mean and
// variance as their chips have, weighed each by its own replica.
TEST(GroupSteps, CoupledReplicasAreOneGroup) {
  constexpr std::uint32_t steps = 20000;
  const auto point = test::make_point(
      "fleet.chips=H100:64\njob.tensor=4\njob.context=2\njob.compute_time=1s\n"
      "job.sequence_length=8192");
  const auto replicas = static_cast<std::size_t>(point->layout().replicas);
  ASSERT_EQ(point->layout().coupled, 2);
  const TrialChips chips = draw_chips(*point, 0);
  const double sigma = point->scenario().noise.step_jitter;
  for (const bool weighed : {false, true}) {
    std::vector<double> weight, stage_time, own(chips.compute.size());
    for (std::size_t r = 0; weighed && r < replicas; ++r)
      weight.push_back(1 + 0.5 * static_cast<double>(r));
    double mean = 0, variance = 0;
    for (std::size_t i = 0; i < chips.compute.size(); ++i) {
      const double busy = (weighed ? weight[i % replicas] : 1) * chips.compute[i];
      mean += busy;
      variance += std::expm1(sigma * sigma) * busy * busy;
    }
    GroupSteps groups(*point, 1);
    groups.begin(chips.compute);
    double sum = 0, squares = 0;
    for (std::uint32_t step = 0; step < steps; ++step) {
      groups.draw(step, chips.compute, weight,
                  step < 20 ? GroupSteps::Asked::all_chips : GroupSteps::Asked::all, 1, stage_time);
      for (std::size_t r = 0; r < replicas; r += 2) ASSERT_EQ(stage_time[r], stage_time[r + 1]);
      if (step < 20) {
        groups.chips(chips.compute, weight, own);
        EXPECT_NEAR(std::accumulate(own.begin(), own.end(), 0.0), groups.busy()[0], 1e-12 * mean);
      }
      sum += groups.busy()[0] - mean;
      squares += std::pow(groups.busy()[0] - mean, 2);
    }
    EXPECT_LT(std::fabs(sum), score_limit * std::sqrt(steps * variance));
    // Weights apart make replicas of a group count as independent beside its time: 3 % here.
    EXPECT_NEAR(squares / steps / variance, 1,
                (weighed ? 0.03 : 0.0) + score_limit * std::sqrt(2.0 / steps));
  }
}

TEST(GroupSteps, DoNotDependOnThreads) {
  for (const char* operations : {"0", "0.004", "0.02"}) {
    const auto point = test::make_point(
        fmt::format("fleet.chips=H100:8192, GB200:1024\njob.tensor=8\nnoise.imbalance=0.1\n"
                    "noise.straggler_fraction=0.01\nnoise.operation_jitter={}",
                    operations));
    const TrialChips chips = draw_chips(*point, 0);
    std::vector<double> weight;
    for (std::int64_t r = 0; r < point->layout().replicas; ++r)
      weight.push_back(1 + 0.01 * static_cast<double>(r % 7));
    GroupSteps one(*point, 0), many(*point, 0);
    one.begin(chips.compute);
    many.begin(chips.compute);
    std::vector<double> a, b;
    for (std::uint32_t step = 0; step < 3; ++step) {
      one.draw(step, chips.compute, weight, GroupSteps::Asked::all, 1, a);
      many.draw(step, chips.compute, weight, GroupSteps::Asked::all, 5, b);
      EXPECT_EQ(a, b);
      EXPECT_EQ(one.busy(), many.busy());
    }
  }
}

// A tensor group is the same one in every layout that has it.
TEST(GroupSteps, ArePairedOverPlacements) {
  const auto times = [](const char* more, std::uint32_t step) {
    const auto point = test::make_point(
        test::join("fleet.chips=H100:512, GB200:288\njob.tensor=8\nfleet.chip_spread=0\n"
                   "job.tokens_per_chip=65536",
                   more));
    const std::vector<double> compute(static_cast<std::size_t>(point->layout().chips()), 1.0);
    GroupSteps groups(*point, 0);
    groups.begin(compute);
    std::vector<double> stage_time;
    groups.draw(step, compute, {}, GroupSteps::Asked::all, 1, stage_time);
    std::map<std::pair<std::uint32_t, std::uint32_t>, double> by_chip;
    for (std::int64_t r = 0; r < point->layout().replicas; ++r)
      by_chip[{point->layout().entity_high[static_cast<std::size_t>(r)],
               point->layout().entity_low[static_cast<std::size_t>(r)]}] =
          stage_time[static_cast<std::size_t>(r)];
    return by_chip;
  };
  const auto reference = times("topology.kind=ring", 2);
  EXPECT_EQ(reference.size(), 100u);
  for (const char* more : {"fleet.placement=interleaved", "fleet.placement=random",
                           "topology.kind=tree\nfleet.placement=random"})
    EXPECT_EQ(times(more, 2), reference) << more;
  EXPECT_NE(times("topology.kind=ring", 3), reference);
}

}  // namespace
}  // namespace lockstep
