#include "engine/run/convergence/stopping_rule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "engine/base/error.hpp"
#include "engine/base/text/nearest.hpp"
#include "engine/base/text/text.hpp"
#include "engine/statistics/mean_interval.hpp"
#include "engine/statistics/pooled_steps.hpp"

namespace lockstep {
namespace {

struct Statistic {
  std::string_view name;
  double p;  ///< 0: the mean
};

constexpr Statistic statistics[] = {{"mean", 0}, {"p50", 0.5}, {"p95", 0.95}, {"p99", 0.99}};

[[noreturn]] void refuse(std::string_view text) {
  throw InputError(
      fmt::format("{} is no stopping rule (none, or STATISTIC(VARIABLE) within WIDTH is due) write "
                  "for example p99(step_time) within 1%",
                  in_quotes(text)));
}

void read_statistic(std::string_view name, StoppingRule& rule) {
  std::vector<std::string_view> known;
  for (const Statistic& one : statistics) known.push_back(one.name);
  if (std::find(known.begin(), known.end(), name) == known.end()) {
    const std::string nearest = nearest_name(name, known);
    throw InputError(fmt::format(
        "no statistic {} (known: {}) {}", in_quotes(name), fmt::join(known, ", "),
        nearest.empty() ? "choose one of these" : fmt::format("did you mean {}?", nearest)));
  }
  rule.statistic = name;
}

/// Fills width, relative and dimension; returns the canonical text.
std::string read_width(std::string_view text, StoppingRule& rule) {
  std::string canonical;
  rule.relative = text.ends_with('%');
  if (rule.relative) {
    const double percent =
        parse_quantity(trimmed(text.substr(0, text.size() - 1)), Dimension::none);
    rule.width = percent / 100;
    canonical = format_number(percent) + "%";
  } else {
    const char last = text.empty() ? ' ' : lower_case(text.back());
    rule.dimension = last >= 'a' && last <= 'z' ? Dimension::time : Dimension::none;
    rule.width = parse_quantity(text, rule.dimension);
    canonical = format_canonical(rule.width, rule.dimension);
  }
  if (!(rule.width > 0))
    throw InputError(
        fmt::format("width {} is out of range (> 0 is due) write for example 1%", in_quotes(text)));
  return canonical;
}

std::int64_t whole_blocks(std::int64_t trials, std::int64_t block_trials) {
  return (trials + block_trials - 1) / block_trials * block_trials;
}

}  // namespace

StoppingRule parse_stopping_rule(std::string_view text) {
  constexpr std::string_view word = " within ";
  const auto open = text.find('('), close = text.find(')'), within = text.find(word);
  if (open == std::string_view::npos || close == std::string_view::npos || open > close ||
      within == std::string_view::npos || within < close ||
      !trimmed(text.substr(close + 1, within - close - 1)).empty())
    refuse(text);
  StoppingRule rule;
  read_statistic(trimmed(text.substr(0, open)), rule);
  rule.variable = trimmed(text.substr(open + 1, close - open - 1));
  if (rule.variable.empty()) refuse(text);
  const std::string width = read_width(trimmed(text.substr(within + word.size())), rule);
  rule.text = fmt::format("{}({}) within {}", rule.statistic, rule.variable, width);
  return rule;
}

void check_stopping_rule(const StoppingRule& rule, std::span<const Variable> variables) {
  std::vector<std::string_view> names;
  for (const Variable& variable : variables) {
    names.push_back(variable.name);
    if (variable.name != rule.variable) continue;
    const Dimension due = variable.units == "s" ? Dimension::time : Dimension::none;
    if (!rule.relative && rule.dimension != due)
      throw InputError(fmt::format(
          "the width is not in the unit of {} ({}) write for example within {}, or within 1%",
          rule.variable, due == Dimension::time ? "a time is due" : "a bare number is due",
          due == Dimension::time ? "5ms" : "0.001"));
    return;
  }
  const std::string nearest = nearest_name(rule.variable, names);
  throw InputError(fmt::format(
      "no variable {} (the study yields {}) {}", rule.variable, fmt::join(names, ", "),
      nearest.empty() ? "choose one of these" : fmt::format("did you mean {}?", nearest)));
}

Estimate StoppingRule::estimate(std::span<const double> values, std::int64_t steps, Support support,
                                double level, std::span<const double> events) const {
  const double p =
      std::find_if(std::begin(statistics), std::end(statistics), [&](const Statistic& one) {
        return one.name == statistic;
      })->p;
  return p == 0 ? mean_estimate(trial_means(values, steps), support, level, events)
                : widened(PooledSteps(values, steps).quantile(p, level), support);
}

double StoppingRule::excess(const Estimate& estimate, std::optional<double> whole) const {
  const double half = std::max(estimate.upper - estimate.value, estimate.value - estimate.lower);
  if (!std::isfinite(half)) return std::numeric_limits<double>::infinity();
  if (half == 0) return 0;
  return half / (relative ? width * std::fabs(whole.value_or(estimate.value)) : width);
}

std::int64_t first_look(std::int64_t least, std::int64_t most, std::int64_t block_trials) {
  return std::min(most, whole_blocks(least, block_trials));
}

std::int64_t next_look(std::int64_t trials, std::int64_t most, std::int64_t block_trials) {
  return first_look(trials + std::max<std::int64_t>(1, trials / 4), most, block_trials);
}

}  // namespace lockstep
