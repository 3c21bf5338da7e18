#include "experiments/describe/run_estimate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <memory>
#include <numeric>
#include <set>
#include <string_view>
#include <vector>

#include "engine/base/text/text.hpp"
#include "engine/run/shards.hpp"
#include "engine/training/trial/training_cost.hpp"
#include "engine/training/trial/training_step.hpp"
#include "experiments/table.hpp"

namespace lockstep {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double seconds_per_cost = 1e-10;  // what a unit of trial_cost stands for

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::int64_t steps_of_trial(const Plan& plan) {
  return plan.study.warmup_steps + plan.study.steps;
}

double cost_of_trial(const Plan& plan, std::size_t point) {
  return static_cast<double>(plan.trial_costs[point]);
}

std::string_view kind_of(const Plan& plan, std::size_t point) {
  return plan.study.points[point].text("topology.kind");
}

struct Timing {
  std::size_t point;
  double cost;     ///< of a trial, by the plan
  double seconds;  ///< of a trial, measured
  double first;    ///< that a point's first trial takes longer: it finds what all share [s]
  std::int64_t steps;
};

/// Runs trials, or the beginning of one, until `budget` [s] is used up. What a trial does once, and
/// its steps, are timed apart, since one step may be all that can be afforded. What follows the
/// steps, as a long run, is timed where a whole trial can be: within `most` [s] where it is known
/// to follow.
Timing time_point(const Plan& plan, std::size_t point, double budget, double most) {
  const std::int64_t steps_of_one = steps_of_trial(plan);
  const double cost = cost_of_trial(plan, point);
  const double affordable = budget * static_cast<double>(steps_of_one) / (seconds_per_cost * cost);
  // The steps that are timed hold all-reduces; what fewer of them cost, the plan knows.
  Values values = plan.study.points[point];
  const std::int64_t sync_every =
      std::min(values.count("job.sync_every"),
               static_cast<std::int64_t>(std::clamp(affordable / 4, 1.0, 1e9)));
  values.set("job.sync_every", Value{static_cast<double>(sync_every), std::to_string(sync_every)});

  const auto start = Clock::now();
  const Jobs jobs(values, plan.topologies, plan.capabilities, plan.study.seed, plan.phases,
                  *plan.known);
  const double building = since(start);
  for (const auto& job : jobs.all()) job->windows();  // else the first trial makes them
  double first = since(start) - building;
  // The first step of a trial finds nothing as the one before left it.
  const auto from = Clock::now();
  double beginning = 0, stepping = 0;
  std::int64_t trials = 0, steps = 0;  // but the first of each trial
  do {
    auto lap = Clock::now();
    std::vector<std::unique_ptr<TrainingSteps>> trial;
    for (const auto& job : jobs.all())
      trial.push_back(std::make_unique<TrainingSteps>(*job, static_cast<std::uint32_t>(trials), 1));
    const auto next = [&] {
      for (const auto& job : trial) job->next();
    };
    next();
    ++trials;
    beginning += since(lap);
    lap = Clock::now();
    for (std::int64_t step = 1; step < steps_of_one && (steps < sync_every || since(from) < budget);
         ++step, ++steps)
      next();
    stepping += since(lap);
  } while ((steps < sync_every && steps_of_one > 1) ||
           (trials < plan.schema.trials && since(from) < budget / 2));

  bool more_follows = false;
  double other = 0, shortened = 0;  // costs, by the plan: beside the steps, and of those timed
  double following = 0;
  for (const auto& job : jobs.all()) {
    const TrainingCost training = training_cost(*job);
    other += training.beginning;
    shortened += training.steps;
  }
  for (const auto& [row, prepared] : jobs.capabilities()) {
    if (!prepared) continue;
    more_follows = true;
    following += prepared->trial_cost();
  }
  const double of_steps = (cost - other - following) / shortened;
  const double of_step = stepping / static_cast<double>(std::max<std::int64_t>(steps, 1));
  double seconds = beginning / static_cast<double>(trials) +
                   of_step * static_cast<double>(steps_of_one - 1) * of_steps +
                   seconds_per_cost * following;
  steps += trials;
  const bool affordable_whole = since(start) + seconds < (more_follows ? most : budget);
  if (affordable_whole && sync_every == plan.study.points[point].count("job.sync_every")) {
    auto lap = Clock::now();
    jobs.run_trial(0, 1);
    const double whole = since(lap);
    trials = 1;
    lap = Clock::now();
    while (trials < plan.schema.trials &&
           since(start) + (trials == 1 ? whole : 0) < (trials == 1 ? most : budget))
      jobs.run_trial(static_cast<std::uint32_t>(trials++), 1);
    seconds = trials > 1 ? since(lap) / static_cast<double>(trials - 1) : whole;
    first += std::max(0.0, whole - seconds);
    steps += trials * steps_of_one;
  }
  if (!plan.inputs_of(static_cast<std::int64_t>(point)).empty()) {  // each trial builds its own
    seconds += building + first;
    first = 0;
  }
  return {point, cost, seconds, first, steps};
}

/// Design points: the cheapest of each kind of topology, the costliest of each, the others down.
std::vector<std::size_t> order_of_timing(const Plan& plan) {
  std::vector<std::size_t> order(plan.trial_costs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  auto rest = order.begin();
  const auto first_of_each_kind = [&](const auto& before) {
    std::stable_sort(rest, order.end(), [&](std::size_t a, std::size_t b) {
      return before(plan.trial_costs[a], plan.trial_costs[b]);
    });
    std::set<std::string_view> seen;
    rest = std::stable_partition(rest, order.end(), [&](std::size_t point) {
      return seen.insert(kind_of(plan, point)).second;
    });
  };
  first_of_each_kind(std::less());
  first_of_each_kind(std::greater());
  return order;
}

/// Some `time` [s] of a point that was not timed: by its cost, as at the timed ones whose costs are
/// next to its own, between them by the costs' logarithms; on either side of its own kind of
/// topology where one of these was timed there.
double time_near(const Plan& plan, const std::vector<Timing>& timings, std::size_t point,
                 double Timing::*time) {
  const double cost = cost_of_trial(plan, point);
  const auto next = [&](const auto& is_there) {
    const Timing* nearest = nullptr;
    std::pair<bool, double> least;  // whether of another kind, then how far
    for (const Timing& t : timings) {
      const std::pair far(kind_of(plan, t.point) != kind_of(plan, point), std::abs(t.cost - cost));
      if (!is_there(t.cost, cost) || (nearest && least < far)) continue;
      nearest = &t;
      least = far;
    }
    return nearest;
  };
  const Timing *const below = next(std::less_equal()), *const above = next(std::greater_equal());
  const auto scaled = [&](const Timing* t) { return t->*time * (cost / t->cost); };
  if (!below || !above || below->cost == above->cost) return scaled(below ? below : above);
  const double share = std::log(cost / below->cost) / std::log(above->cost / below->cost);
  return std::lerp(scaled(below), scaled(above), share);
}

std::int64_t blocks_of_task(const Plan& plan, const Runner& runner) {
  return (plan.schema.blocks() + runner.tasks - 1) / runner.tasks;
}

/// Fitted to colossus1 on one and two threads, ring and torus, 21 to 97 MB, and to results of 77 MB
/// a block and of 90 MB in small ones, 145 to 549 MB.
double memory_of_run(const Plan& plan, const Runner& runner, double seconds) {
  constexpr double program = 21e6, of_point = 70, of_trial = 100;  // bytes, the last two a chip
  constexpr double most_batch = 16 << 20;  // of results before they are saved
  constexpr double batch_copies = 4;       // its blocks, and its file in the making
  constexpr double summary_copies = 4;     // the steps of a design point, sorted
  double chips = 0;
  for (const PointVariable& variable : plan.schema.point_variables)
    if (variable.name == "chips_used")
      chips = *std::max_element(variable.numbers.begin(), variable.numbers.end());
  const ResultSchema& schema = plan.schema;
  const std::int64_t blocks = blocks_of_task(plan, runner);
  const bool spread = blocks >= runner.threads;
  const auto points = static_cast<double>(std::min<std::int64_t>(runner.threads, schema.points()));
  const double trials = spread ? runner.threads : 1;
  const double block =
      trial_bytes(schema) * static_cast<double>(std::min(schema.trials, schema.block_trials));
  const double all = block * static_cast<double>(blocks);
  const double in_flight =
      block * static_cast<double>(spread ? std::min<std::int64_t>(2 * runner.threads, blocks) : 1);
  const double of_a_second = all / std::max(seconds, 1.0);
  const double batch = std::min(all, std::max(block, std::min(of_a_second, most_batch)));
  const double summary = runner.tasks > 1 ? 0
                                          : summary_copies * sizeof(double) *
                                                static_cast<double>(schema.trials * schema.steps);
  return program + chips * (of_point * points + of_trial * trials) +
         std::max(in_flight + batch_copies * batch, summary);
}

/// "4 min": one or two digits, as an estimate deserves.
std::string rough_duration(double seconds) {
  if (seconds < 1) return "less than a second";
  if (seconds < 120) return fmt::format("about {:.0f} s", seconds);
  if (seconds < 7200) return fmt::format("about {:.0f} min", seconds / 60);
  if (seconds < 172800) return fmt::format("about {:.0f} h", seconds / 3600);
  return fmt::format("about {:.0f} days", seconds / 86400);
}

/// "A block of 16 trials takes about 7 min (423 s) at the slowest design point, ...".
std::string block_text(const Plan& plan, const RunEstimate& estimate) {
  const double seconds = estimate.block_seconds;
  const std::string& name = plan.study.point_names[estimate.slowest];
  return fmt::format(
      "A block of {} takes {}{}{}; blocks are saved whole, and a stop gives up those under way.",
      counted(std::min(plan.schema.trials, plan.schema.block_trials), "trial"),
      rough_duration(seconds), seconds < 120 ? "" : fmt::format(" ({:.0f} s)", seconds),
      name.empty() ? "" : " at the slowest design point, " + name);
}

}  // namespace

RunEstimate estimate_run(const Plan& plan, const Runner& runner, double planning_seconds,
                         double budget_seconds) {
  const auto start = Clock::now();
  RunEstimate estimate;
  std::vector<Timing> timings;
  std::vector<double> seconds(plan.trial_costs.size(), 0.0);  // of a trial of each point
  const std::vector<std::size_t> order = order_of_timing(plan);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::size_t point = order[i];
    const double left = budget_seconds - since(start);
    if (left <= 0) break;
    // Building a point is about another step.
    const double least = 2 * seconds_per_cost * cost_of_trial(plan, point) /
                         static_cast<double>(steps_of_trial(plan));
    if (least > left) continue;
    constexpr double shortest = 0.05;
    const double share = left / static_cast<double>(order.size() - i);
    timings.push_back(time_point(plan, point, std::min(left, std::max(shortest, share)), left));
    seconds[point] = timings.back().seconds;
    estimate.steps += timings.back().steps;
    ++estimate.points;
  }
  const std::int64_t of_block = std::min(plan.schema.trials, plan.study.block_trials);
  double all = 0, firsts = 0;
  for (std::size_t point = 0; point < seconds.size(); ++point) {
    if (timings.empty())
      seconds[point] = seconds_per_cost * cost_of_trial(plan, point);
    else if (seconds[point] == 0)
      seconds[point] = time_near(plan, timings, point, &Timing::seconds);
    all += seconds[point] * static_cast<double>(plan.schema.trials);
    if (!timings.empty()) firsts += time_near(plan, timings, point, &Timing::first);
    if (seconds[point] > seconds[estimate.slowest]) estimate.slowest = point;
  }
  // Blocks are spread over threads; where they are too few, a trial is.
  const bool spread = blocks_of_task(plan, runner) >= runner.threads;
  estimate.block_seconds =
      seconds[estimate.slowest] * static_cast<double>(of_block) / (spread ? 1 : runner.threads);
  const auto shared = static_cast<double>(runner.tasks * runner.threads);
  const double built_again =
      1 - static_cast<double>(plan.kept.size()) / static_cast<double>(plan.schema.points());
  const double plans = runner.plans ? 1 + built_again / shared : 1 / shared;
  estimate.seconds = planning_seconds * plans + firsts / (spread ? shared : 1.0) +
                     std::max(all / shared, estimate.block_seconds);
  estimate.memory = memory_of_run(plan, runner, estimate.seconds);
  estimate.measuring_seconds = since(start);
  return estimate;
}

std::string estimate_text(const Plan& plan, const RunEstimate& estimate, const Runner& runner) {
  const std::string measured =
      estimate.points == 0
          ? "from cost figures alone, since one step would take too long to be timed here"
          : fmt::format("from {} at {} of {} timed just now in {:.1f} s",
                        counted(estimate.steps, "step"), estimate.points,
                        counted(plan.schema.points(), "design point"), estimate.measuring_seconds);
  return fmt::format(
      "Run time {}{} with {}, memory about {:.0f} MB (estimate, {}; no result depends on it).\n{}",
      rough_duration(estimate.seconds),
      runner.tasks > 1 ? fmt::format(" for each of {} tasks", runner.tasks) : "",
      counted(runner.threads, "thread"), estimate.memory / 1e6, measured,
      block_text(plan, estimate));
}

}  // namespace lockstep
