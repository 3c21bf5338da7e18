#include "experiments/plan/plan_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "engine/base/text/text.hpp"
#include "engine/statistics/mean_interval.hpp"
#include "experiments/json.hpp"
#include "experiments/table.hpp"

namespace lockstep {
namespace {

using Texts = std::vector<std::string>;
using Parts = std::vector<std::pair<std::string, double>>;

double step_of(const Parts& parts) {
  return std::accumulate(parts.begin(), parts.end(), 0.0,
                         [](double sum, const auto& part) { return sum + part.second; });
}

/// What takes most of the step beside compute: "bubble 9 %, tensor_gather 5 %".
std::string bounded_by(const Parts& parts) {
  constexpr std::size_t most_shown = 2;
  constexpr double least_shown = 0.005;
  Parts all(parts.begin() + 1, parts.end());
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  Texts texts;
  for (const auto& [name, seconds] : all)
    if (const double share = seconds / step_of(parts);
        texts.size() < most_shown && share >= least_shown)
      texts.push_back(fmt::format("{} {:.0f} %", name, 100 * share));
  return texts.empty() ? "compute" : fmt::format("{}", fmt::join(texts, ", "));
}

std::string_view short_key(std::size_t key) {
  return plan_keys[key].substr(plan_keys[key].find('.') + 1);
}

bool is_fixed(const PlanReport& report, std::size_t key) {
  return report.choices.fixed()[key].has_value();
}

/// Whether there was anything to choose.
bool is_searched(const PlanReport& report, std::size_t key) {
  return !is_fixed(report, key) && report.ranking.tried[key].size() > 1;
}

/// "1, 2, 4, 8"; both ends of many.
std::string listed_values(Texts values) {
  constexpr std::size_t most = 10;
  if (values.size() > most)
    values = {values[0], values[1],     values[2],
              "...",     values.back(), fmt::format("{} in all", values.size())};
  return fmt::format("{}", fmt::join(values, ", "));
}

std::string keys_text(const PlanReport& report) {
  Texts fixed, searched;
  for (std::size_t k = 0; k < plan_keys.size(); ++k)
    if (is_fixed(report, k))
      fixed.push_back(fmt::format("{} = {}", plan_keys[k], *report.choices.fixed()[k]));
    else if (is_searched(report, k))
      searched.push_back(
          fmt::format("  {} = {}\n", plan_keys[k], listed_values(report.ranking.tried[k])));
  return fmt::format(
      "Fixed by the study: {}.\nSearched:\n{}",
      fixed.empty() ? "no key of the plan" : fmt::format("{}", fmt::join(fixed, ", ")),
      fmt::join(searched, ""));
}

std::string fate_text(const PlanRanking& ranking) {
  return fmt::format(
      "{} plans: {} impossible, {} beyond the memory of a chip, {} shown not to be among the best "
      "by a bound, {} priced without noise.\n",
      ranking.plans, ranking.impossible, ranking.too_large, ranking.behind, ranking.priced);
}

/// Columns of the keys in which the plans differ; what is alike in all stands below.
std::string table_text(const PlanReport& report) {
  std::vector<std::size_t> keys;
  Texts alike;
  for (std::size_t k = 0; k < plan_keys.size(); ++k) {
    if (!is_searched(report, k)) continue;
    const std::string& first = report.plans.front().priced.plan[k];
    const bool is_alike = std::all_of(report.plans.begin(), report.plans.end(),
                                      [&](const auto& p) { return p.priced.plan[k] == first; });
    if (is_alike)
      alike.push_back(fmt::format("{} = {}", short_key(k), first));
    else
      keys.push_back(k);
  }
  std::vector<Texts> rows(1 + report.plans.size());
  rows[0] = {"plan"};
  for (std::size_t k : keys) rows[0].emplace_back(short_key(k));
  for (const char* head : {"MFU %", "less than best", "s a step", "memory", "beside compute"})
    rows[0].emplace_back(head);
  for (std::size_t p = 0; p < report.plans.size(); ++p) {
    const JudgedPlan& plan = report.plans[p];
    Texts& row = rows[p + 1];
    row.push_back(std::to_string(p + 1));
    for (std::size_t k : keys) row.push_back(plan.priced.plan[k]);
    const auto percent = [](Estimate e) {
      return Estimate{100 * e.value, 100 * e.lower, 100 * e.upper};
    };
    const Estimate less = plan.less_than_best.absolute;
    row.push_back(format_estimate(percent(plan.mfu)));
    row.push_back(p == 0 ? "-" : format_estimate(percent({-less.value, -less.upper, -less.lower})));
    row.push_back(format_estimate(plan.step_time));
    row.push_back(format_bytes(plan.priced.memory));
    row.push_back(bounded_by(plan.priced.parts));
  }
  std::string text = format_table(rows);
  if (report.plans.size() > 1 && !alike.empty())
    text += fmt::format("Alike in all: {}.\n", fmt::join(alike, ", "));
  return text;
}

std::string choices_text(const PlanReport& report) {
  std::string text;
  for (std::size_t p = 0; p < report.plans.size(); ++p) {
    const PricedPlan& priced = report.plans[p].priced;
    text += fmt::format("Plan {}: {}", p + 1, priced.choice);
    if (priced.idle_chips > 0)
      text += fmt::format("; {} {} idle", counted(priced.idle_chips, "chip"),
                          priced.idle_chips == 1 ? "is" : "are");
    text += "\n";
  }
  return text;
}

std::string study_lines(const PlanReport& report, const ParallelPlan& plan) {
  std::string lines = "[job]\n";
  for (std::size_t k = 0; k < plan_keys.size(); ++k)
    if (is_searched(report, k) && plan[k] != "auto")
      lines += fmt::format("{} = {}\n", short_key(k), plan[k]);
  return lines;
}

std::string plan_json(const PlanReport& report, const JudgedPlan& plan) {
  std::vector<std::pair<std::string, std::string>> settings, parts;
  for (std::size_t k = 0; k < plan_keys.size(); ++k)
    settings.emplace_back(plan_keys[k], json::of(plan.priced.plan[k]));
  for (const auto& [name, seconds] : plan.priced.parts) parts.emplace_back(name, json::of(seconds));
  const std::pair<std::string, std::string> members[] = {
      {"plan", json::object(settings)},
      {"study_lines", json::of(study_lines(report, plan.priced.plan))},
      {"mfu", json::of(plan.mfu)},
      {"mfu_less_best", json::of(plan.less_than_best.absolute)},
      {"mfu_less_best_relative", json::of(plan.less_than_best.relative)},
      {"step_time", json::of(plan.step_time)},
      {"mfu_without_noise", json::of(plan.priced.mfu)},
      {"step_time_without_noise", json::of(plan.priced.step_time)},
      {"parts_without_noise", json::object(parts)},
      {"beside_compute", json::of(bounded_by(plan.priced.parts))},
      {"memory", json::of(plan.priced.memory)},
      {"chips_idle", json::of(static_cast<double>(plan.priced.idle_chips))},
      {"topology_choice", json::of(plan.priced.choice)}};
  return json::object(members);
}

}  // namespace

std::vector<JudgedPlan> judge(const PlanRanking& ranking, std::span<const PlanTrials> trials,
                              std::int64_t steps) {
  std::vector<JudgedPlan> plans;
  for (std::size_t p = 0; p < trials.size(); ++p)
    plans.push_back({.priced = ranking.best[p],
                     .mfu = mean_estimate(trials[p].mfu, trials[p].mfu_support),
                     .step_time = mean_estimate(trial_means(trials[p].step_time, steps),
                                                trials[p].time_support),
                     .less_than_best = {}});
  std::vector<std::size_t> order(plans.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return plans[a].mfu.value > plans[b].mfu.value;
  });
  std::vector<JudgedPlan> sorted;
  for (std::size_t p : order) {
    plans[p].less_than_best =
        mean_difference(trials[order.front()].mfu, trials[p].mfu, 1, trials[p].mfu_support);
    sorted.push_back(std::move(plans[p]));
  }
  return sorted;
}

std::string report_text(const PlanReport& report) {
  const std::string title = report.study.title.empty() ? "" : report.study.title + "\n";
  return fmt::format(
      "{}{}\n\n{}{}\nThe best, with {} each (means, 95 % intervals; differences paired):\n{}"
      "{}\nLines of a study that set plan 1:\n{}",
      title, report.study.path, keys_text(report), fate_text(report.ranking),
      counted(report.trials, "trial"), table_text(report), choices_text(report),
      study_lines(report, report.plans.front().priced.plan));
}

std::string report_json(const PlanReport& report) {
  std::vector<std::pair<std::string, std::string>> fixed, searched;
  for (std::size_t k = 0; k < plan_keys.size(); ++k) {
    if (is_fixed(report, k)) {
      fixed.emplace_back(plan_keys[k], json::of(*report.choices.fixed()[k]));
      continue;
    }
    Texts values;
    for (const std::string& value : report.ranking.tried[k]) values.push_back(json::of(value));
    searched.emplace_back(plan_keys[k], json::array(values));
  }
  Texts plans;
  for (const JudgedPlan& plan : report.plans) plans.push_back(plan_json(report, plan));
  const auto count = [](std::int64_t n) { return json::of(static_cast<double>(n)); };
  const PlanRanking& ranking = report.ranking;
  const std::pair<std::string, std::string> members[] = {
      {"title", json::of(report.study.title)},
      {"study", json::of(report.study.path)},
      {"fixed", json::object(fixed)},
      {"searched", json::object(searched)},
      {"plans_tried", count(ranking.plans)},
      {"impossible", count(ranking.impossible)},
      {"beyond_memory", count(ranking.too_large)},
      {"behind_by_bound", count(ranking.behind)},
      {"priced", count(ranking.priced)},
      {"trials", count(report.trials)},
      {"plans", json::array(plans, true)}};
  return json::object(members) + "\n";
}

}  // namespace lockstep
