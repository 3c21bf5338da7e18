#include "experiments/run_sampling.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <functional>
#include <set>

#include "engine/base/notice.hpp"
#include "engine/run/convergence/convergence.hpp"
#include "engine/run/progress.hpp"
#include "engine/run/scheduler.hpp"

namespace lockstep {
namespace {

using Blocks = std::vector<std::int64_t>;

/// Blocks of all design points whose trials lie from `begin` to `end`, point by point.
Blocks blocks_between(const ResultSchema& schema, std::int64_t begin, std::int64_t end) {
  const std::int64_t size = schema.block_trials;
  Blocks blocks;
  for (std::int64_t point = 0; point < schema.points(); ++point)
    for (std::int64_t b = begin / size; b < (end + size - 1) / size; ++b)
      blocks.push_back(point * schema.blocks_per_point() + b);
  return blocks;
}

void print_look(const Plan& plan, std::int64_t trials, const Convergence::Farthest& farthest,
                std::int64_t next) {
  const double excess = farthest.excess;
  const StoppingRule& rule = *plan.study.until;
  const std::string_view unit = rule.dimension == Dimension::time ? " s" : "";
  const std::string now = std::isinf(excess) ? "not bounded yet"
                          : rule.relative
                              ? fmt::format("within {:.3g} %", 100 * rule.width * excess)
                              : fmt::format("within {:.3g}{}", rule.width * excess, unit);
  const std::string& name = plan.study.point_names[farthest.point];
  notice("{} trials of each design point: {}({}) {}{}, asked is {}; on to {}\n", trials,
         rule.statistic, rule.variable, now, name.empty() ? "" : " at " + name,
         rule.text.substr(rule.text.rfind(' ') + 1), next);
}

}  // namespace

Sampling run_sampling(const Plan& plan, const Blocks& blocks, ResultWriter& writer, int threads,
                      const Cancellation& cancellation, bool quiet) {
  const Blocks before = writer.finished_blocks();
  const std::set<std::int64_t> finished(before.begin(), before.end());
  const auto run = [&](const Blocks& wanted,
                       const std::function<void(const BlockResult&)>& written) {
    Blocks missing;
    Progress::Amount all, there;
    const auto cost = [&](std::int64_t point) {
      return static_cast<double>(plan.trial_costs[static_cast<std::size_t>(point)]);
    };
    for (std::int64_t block : wanted) {
      const BlockResult place = place_of(plan.schema, block);
      all.add(place.trials, cost(place.point));
      if (finished.contains(block))
        there.add(place.trials, cost(place.point));
      else
        missing.push_back(block);
    }
    Progress progress(all, there);
    std::size_t left = missing.size();
    run_blocks(plan, missing, threads, writer, cancellation, [&](const BlockResult& block) {
      --left;
      written(block);
      if (!quiet) progress.advance(block.trials, cost(block.point));
    });
    if (cancellation.asked()) writer.flush();
    return left == 0;
  };
  if (!plan.study.until) return {run(blocks, [](const BlockResult&) {})};

  const ResultSchema& schema = plan.schema;
  Convergence convergence(*plan.study.until, schema);
  for (std::int64_t block : before) convergence.take(writer.finished_block(block));
  std::int64_t trials = first_look(plan.study.trials, schema.trials, schema.block_trials);
  for (std::int64_t begin = 0;;) {
    if (!run(blocks_between(schema, begin, trials),
             [&](const BlockResult& block) { convergence.take(block); }))
      return {};
    const Convergence::Farthest farthest = convergence.farthest(trials);
    if (!farthest.has_value)
      throw plan.study.problem(
          "sampling.until",
          fmt::format("{} has no value in any of the first {} trials (such a rule is never met) "
                      "ask for another variable, or for what this one follows from",
                      plan.study.until->variable, trials));
    const bool met = farthest.excess <= 1;
    if (met || trials == schema.trials) return {true, Stop{trials, met}};
    begin = trials;
    trials = next_look(trials, schema.trials, schema.block_trials);
    if (!quiet) print_look(plan, begin, farthest, trials);
  }
}

}  // namespace lockstep
