#include <fmt/format.h>

#include <algorithm>

#include "engine/base/error.hpp"
#include "engine/base/notice.hpp"
#include "engine/base/simd.hpp"
#include "engine/base/text/nearest.hpp"
#include "engine/base/text/text.hpp"
#include "engine/run/cancellation.hpp"
#include "engine/run/processors.hpp"
#include "experiments/command.hpp"
#include "experiments/plan/plan_report.hpp"
#include "experiments/study_file.hpp"
#include "experiments/study_options.hpp"
#include "topologies/table.hpp"

namespace lockstep {
namespace {

namespace po = boost::program_options;

/// Trials of a plan unless it is said: fewer where many chips make each of them say more.
constexpr std::int64_t small_trials = 32, large_trials = 8, small_chips = 32768;
constexpr std::int64_t most_trials = 1'000'000, most_top = 1000;

/// The keys of --search. Throws InputError on one that is no key of a plan.
std::vector<std::string> free_keys(const po::variables_map& map) {
  std::vector<std::string> keys;
  if (!map.count("search")) return keys;
  for (const std::string& list : map["search"].as<std::vector<std::string>>())
    for (std::string_view key : split_outside_parentheses(list, ',')) {
      if (key == "all") keys.insert(keys.end(), plan_keys.begin(), plan_keys.end());
      if (key == "all") continue;
      if (std::find(plan_keys.begin(), plan_keys.end(), key) == plan_keys.end()) {
        const std::string nearest = nearest_name(key, plan_keys);
        throw InputError(fmt::format(
            "--search {} (no key of a plan: {}) {}", key, fmt::join(plan_keys, ", "),
            nearest.empty() ? "write one of them, or all" : "did you mean " + nearest + "?"));
      }
      keys.emplace_back(key);
    }
  return keys;
}

std::int64_t default_trials(std::int64_t chips) {
  return std::clamp(small_trials * small_chips / chips, large_trials, small_trials);
}

int run(const std::vector<std::string>& arguments) {
  po::options_description options = study_options();
  po::options_description searching("The search", help_width);
  searching.add_options()("top", po::value<std::string>()->value_name("N")->default_value("5"),
                          "plans to run trials of and to print (32 trials each, down to 8 where "
                          "the fleet has more than "
                          "32,768 chips, or --trials)")(
      "search", po::value<std::vector<std::string>>()->composing()->value_name("KEYS"),
      "search these keys of the plan although the study sets them, e.g. job.tensor,job.pipeline, "
      "or all; a key that the study sets is fixed otherwise")(
      "threads", po::value<std::string>()->value_name("T"),
      fmt::format("threads (default: what Slurm gives, or the processors at hand: {})",
                  default_threads())
          .c_str())("json", po::bool_switch(), "print the answer as JSON");
  options.add(searching);
  const auto map = parse_arguments(plan_command, arguments, options, "study", 1);
  if (map.empty()) return done;
  const auto threads = map.count("threads")
                           ? static_cast<int>(read_whole(map, "threads", 1, most_threads))
                           : default_threads();
  const auto top = static_cast<std::size_t>(read_whole(map, "top", 1, most_top));
  const std::int64_t asked_trials =
      map.count("trials") ? read_whole(map, "trials", 1, most_trials) : 0;
  const std::vector<std::string> free = free_keys(map);
  simd_level();  // an unusable LOCKSTEP_SIMD is no fault of the study
  const Study study = resolve_study(read_study(map["study"].as<std::vector<std::string>>().front()),
                                    read_overrides(map), all_parameters());
  const PlanChoices choices(study, free);
  const std::int64_t trials = asked_trials > 0 ? asked_trials : default_trials(choices.chips());

  const Cancellation cancellation;
  try {
    const PlanRanking ranking = rank_plans(choices, top, study.seed, all_parameters(),
                                           topology_kinds(), {threads, &cancellation.flag()});
    std::vector<ParallelPlan> plans;
    for (const PricedPlan& priced : ranking.best) plans.push_back(priced.plan);
    const std::vector<PlanTrials> ran = run_paired_trials(
        study, choices, plans, trials, all_parameters(), topology_kinds(), threads, cancellation);
    const PlanReport report{study, choices, ranking, trials, judge(ranking, ran, study.steps)};
    fmt::print("{}", map["json"].as<bool>() ? report_json(report) : report_text(report));
  } catch (const Interrupted&) {
    throw Interrupted(fmt::format("stopped by {} (nothing is kept of a search) start it again",
                                  cancellation.signal_name()));
  }
  return done;
}

}  // namespace

const Command plan_command{
    "plan", "STUDY.ini [--top N] [--trials N] [options]",
    "Searches how to split a job over its chips, and runs trials of the best plans.", run};

}  // namespace lockstep
