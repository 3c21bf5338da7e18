#include "engine/run/plan_search/plan_search.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <map>
#include <optional>
#include <queue>

#include "engine/base/error.hpp"
#include "engine/base/parallel_for.hpp"
#include "engine/job/memory.hpp"
#include "engine/run/plan_search/plan_bound.hpp"

namespace lockstep {
namespace {

constexpr std::size_t batch_size = 16;  // of plans looked at together, whatever the threads
constexpr double rounding = 1 + 1e-9;   // of bounds

/// A plan that fits, and what its MFU cannot exceed.
struct Candidate {
  ParallelPlan plan;
  double bound = 0;
  /// What the bound has: compute, the traffic of layers, a step of few replicas.
  enum class Bound { compute, traffic, few } by = Bound::compute;
};

double peak_of(const std::vector<Fleet>& fleets) {
  double peak = 0;
  for (const Fleet& fleet : fleets) peak += fleet.peak();
  return peak;
}

/// The keys of which most values are left, to be set in the study.
std::string narrower(const PlanRanking& ranking) {
  std::vector<std::size_t> keys;
  for (std::size_t k = 0; k < plan_keys.size(); ++k)
    if (ranking.tried[k].size() > 1) keys.push_back(k);
  std::stable_sort(keys.begin(), keys.end(), [&](std::size_t a, std::size_t b) {
    return ranking.tried[a].size() > ranking.tried[b].size();
  });
  std::vector<std::string> texts;
  for (std::size_t k : keys)
    texts.push_back(fmt::format("{} ({} values)", plan_keys[k], ranking.tried[k].size()));
  return fmt::format("set some of these in the study or by --set: {}", fmt::join(texts, ", "));
}

class Search {
 public:
  Search(const PlanChoices& choices, std::size_t top, std::uint64_t seed,
         std::span<const Parameter> rows, std::span<const TopologyKind* const> topologies,
         const Execution& how)
      : choices_(choices),
        top_(top),
        seed_(seed),
        rows_(rows),
        topologies_(topologies),
        how_(how) {}

  PlanRanking run() {
    started_ = Clock::now();
    count_plans();
    find_candidates();
    take_in_order();
    if (ranking_.best.empty()) refuse_all();
    return std::move(ranking_);
  }

 private:
  using Clock = std::chrono::steady_clock;
  enum class Fate { impossible, too_large, dominated, fits };

  Values values_of(const ParallelPlan& plan) const {
    Values values = choices_.base();
    set_plan(values, plan, rows_);
    return values;
  }

  void count_plans() {
    PlanChoices::Count count = choices_.count(most_plans);
    ranking_.plans = count.plans;
    ranking_.tried = std::move(count.tried);
    if (ranking_.plans == most_plans)
      throw InputError(fmt::format("{} plans and more (too many to look at) {}", most_plans,
                                   narrower(ranking_)));
  }

  void find_candidates() {
    Values values = choices_.base();
    const std::vector<std::string> recomputations = choices_.recomputations();
    std::size_t looked = 0;
    choices_.for_each([&](ParallelPlan& plan) {
      how_.check();
      Fate fate = Fate::impossible;
      for (const std::string& recompute : recomputations) {
        plan[key_recompute] = recompute;
        set_plan(values, plan, rows_);
        fate = look_at(plan, values);
        if (fate != Fate::too_large) break;
      }
      ranking_.impossible += fate == Fate::impossible;
      ranking_.too_large += fate == Fate::too_large;
      ranking_.behind += fate == Fate::dominated;
      if (++looked % 256 == 0)
        refuse_too_long(looked, static_cast<std::size_t>(ranking_.plans) - looked);
      return true;
    });
  }

  Fate look_at(const ParallelPlan& plan, const Values& values) {
    Job job;
    try {
      job = job_from(values);
    } catch (const InputError& error) {
      if (refusal_.empty()) refusal_ = error.what();
      return Fate::impossible;
    }
    if (fleets_.empty()) find_fleets(values);
    double rate = 0;
    bool fits = true,
         has_better = job.data_parallel == Sharding::zero2 && !choices_.fixed()[key_data_parallel];
    for (const Fleet& fleet : fleets_) {
      const std::optional<JobEstimate> estimate = estimate_job(job, fleet);
      if (!estimate) return Fate::impossible;
      const double room = room_for(job, fleet, *estimate);
      const double need = most_memory(job, estimate->replicas, estimate->microbatches).total();
      if (need > room) {
        fits = false;
        keep_least_need(need, plan);
      }
      has_better = has_better && whole_gradients_fit(job, fleet, *estimate);
      rate += estimate->flops / estimate->least_time;
    }
    if (!fits) return Fate::too_large;
    if (has_better) return Fate::dominated;
    heap_.push({rate / peak_of(fleets_) * rounding, candidates_.size()});
    candidates_.push_back({.plan = plan});
    return Fate::fits;
  }

  void keep_least_need(double need, const ParallelPlan& plan) {
    if (need >= least_need_) return;
    least_need_ = need;
    least_plan_ = plan;
  }

  /// One a job: the whole fleet, or each generation. Throws InputError on what no plan mends.
  void find_fleets(const Values& values) {
    const Scenario scenario = scenario_from(values, topologies_, seed_);
    if (values.text("job.work_share") != "isolated")
      fleets_ = {scenario.fleet};
    else
      for (std::size_t g = 0; g < scenario.fleet.generations.size(); ++g)
        fleets_.push_back(fleet_of_generation(scenario.fleet, g));
    for (const Fleet& fleet : fleets_) placements_.push_back(place(fleet, scenario.seed));
  }

  /// MFU that a plan must reach to be among the best.
  double threshold() const { return ranking_.best.size() < top_ ? -1 : ranking_.best.back().mfu; }

  void take_in_order() {
    started_ = Clock::now();
    std::size_t taken = 0, batches = 0;
    while (!heap_.empty() && heap_.top().bound >= threshold()) {
      std::vector<std::size_t> computed, bounded, left;
      for (std::size_t n = 0; n < batch_size && !heap_.empty(); ++n) {
        if (heap_.top().bound < threshold()) break;
        const std::size_t i = heap_.top().candidate;
        Candidate& candidate = candidates_[i];
        candidate.bound = heap_.top().bound;
        using By = Candidate::Bound;
        (candidate.by == By::compute   ? computed
         : candidate.by == By::traffic ? bounded
                                       : left)
            .push_back(i);
        heap_.pop();
      }
      bound_by_traffic(computed);
      bound_by_few(bounded);
      price(left);
      taken += computed.size() + bounded.size() + left.size();
      if (++batches % 16 == 0) refuse_too_long(taken, left_to_take());
    }
    ranking_.behind += static_cast<std::int64_t>(heap_.size());
  }

  void bound_by_traffic(const std::vector<std::size_t>& all) {
    constexpr std::array parts{TrafficOf::activations, TrafficOf::weights};
    using Traffic = std::vector<LayerTraffic>;  // (fleets)
    struct Missing {
      const ParallelPlan* plan;
      TrafficOf of;
      Traffic* found;
    };
    std::vector<Job> jobs;
    std::vector<std::array<const Traffic*, parts.size()>> traffic;
    std::vector<Missing> missing;
    for (std::size_t i : all) {
      const ParallelPlan& plan = candidates_[i].plan;
      jobs.push_back(job_from(values_of(plan)));
      auto& places = traffic.emplace_back();
      for (std::size_t p = 0; p < parts.size(); ++p) {
        if (parts[p] == TrafficOf::weights && !jobs.back().shards_weights()) continue;
        const auto [place, is_new] =
            traffic_[p].try_emplace(traffic_key(plan, jobs.back(), fleets_, parts[p]));
        places[p] = &place->second;
        if (is_new) missing.push_back({&plan, parts[p], &place->second});
      }
    }
    parallel_for(how_, std::ssize(missing), [&](std::int64_t m) {
      const Missing& one = missing[static_cast<std::size_t>(m)];
      *one.found = traffic_of(*one.plan, one.of);
    });
    const double peak = peak_of(fleets_);
    for (std::size_t n = 0; n < all.size(); ++n) {
      double rate = 0;
      for (std::size_t f = 0; f < fleets_.size(); ++f) {
        LayerTraffic sum;
        for (const Traffic* part : traffic[n])
          if (part) sum = sum + (*part)[f];
        const auto estimate = estimate_job(jobs[n], fleets_[f], sum);
        rate += estimate->flops / estimate->least_time;
      }
      put_back(all[n], Candidate::Bound::traffic, rate / peak);
    }
  }

  void bound_by_few(const std::vector<std::size_t>& all) {
    std::vector<double> found(all.size());
    parallel_for(how_, std::ssize(all), [&](std::int64_t n) {
      const auto at = static_cast<std::size_t>(n);
      found[at] = bound_of_few(candidates_[all[at]].plan);
    });
    for (std::size_t n = 0; n < all.size(); ++n) put_back(all[n], Candidate::Bound::few, found[n]);
  }

  void put_back(std::size_t i, Candidate::Bound by, double mfu) {
    Candidate& candidate = candidates_[i];
    candidate.by = by;
    candidate.bound = std::min(candidate.bound, mfu * rounding);
    heap_.push({candidate.bound, i});
  }

  /// MFU; infinite where there is no bound.
  double bound_of_few(const ParallelPlan& plan) const {
    const Values values = values_of(plan);
    Scenario scenario = scenario_from(values, topologies_, seed_);
    double rate = 0;
    for (const Fleet& fleet : fleets_) {
      scenario.fleet = fleet;
      const auto estimate = estimate_job(scenario.job, fleet);
      const std::optional<double> time = least_time_of_few(scenario, values, *estimate);
      if (!time) return HUGE_VAL;
      rate += estimate->flops / *time;
    }
    return rate / peak_of(fleets_);
  }

  /// Of each job (fleets).
  std::vector<LayerTraffic> traffic_of(const ParallelPlan& plan, TrafficOf of) const {
    const Values values = values_of(plan);
    Scenario scenario = scenario_from(values, topologies_, seed_);
    std::vector<LayerTraffic> traffic;
    for (std::size_t f = 0; f < fleets_.size(); ++f) {
      scenario.fleet = fleets_[f];
      traffic.push_back(least_traffic(scenario, placements_[f], values,
                                      *estimate_job(scenario.job, fleets_[f]), of));
    }
    return traffic;
  }

  void price(const std::vector<std::size_t>& all) {
    struct Outcome {
      std::optional<PricedPlan> priced;
      std::string refusal;
      double need = 0;
    };
    std::vector<Outcome> outcomes(all.size());
    parallel_for(how_, std::ssize(all), [&](std::int64_t n) {
      Outcome& outcome = outcomes[static_cast<std::size_t>(n)];
      const ParallelPlan& plan = candidates_[all[static_cast<std::size_t>(n)]].plan;
      try {
        outcome.priced = price_plan(plan, values_of(plan), topologies_, seed_, outcome.need);
      } catch (const InputError& error) {
        outcome.refusal = error.what();
      }
    });
    for (std::size_t n = 0; n < all.size(); ++n) {
      Outcome& outcome = outcomes[n];
      if (outcome.priced) {
        ++ranking_.priced;
        keep(std::move(*outcome.priced), all[n]);
      } else if (outcome.refusal.empty()) {
        ++ranking_.too_large;
        keep_least_need(outcome.need, candidates_[all[n]].plan);
      } else {
        ++ranking_.impossible;
        if (refusal_.empty()) refusal_ = outcome.refusal;
      }
    }
  }

  void keep(PricedPlan plan, std::size_t candidate) {
    const auto place = static_cast<std::ptrdiff_t>(
        std::find_if(ranking_.best.begin(), ranking_.best.end(),
                     [&](const PricedPlan& other) {
                       const auto at = static_cast<std::size_t>(&other - ranking_.best.data());
                       return plan.mfu > other.mfu ||
                              (plan.mfu == other.mfu && candidate < kept_[at]);
                     }) -
        ranking_.best.begin());
    ranking_.best.insert(ranking_.best.begin() + place, std::move(plan));
    kept_.insert(kept_.begin() + place, candidate);
    if (ranking_.best.size() <= top_) return;
    ranking_.best.pop_back();
    kept_.pop_back();
  }

  std::size_t left_to_take() const {
    std::size_t plans = 0;
    for (auto left = heap_; !left.empty() && left.top().bound >= threshold(); left.pop()) ++plans;
    return plans;
  }

  /// From the time that plans took so far; no answer depends on it.
  void refuse_too_long(std::size_t taken, std::size_t left) const {
    constexpr double measured = 20;  // [s] before it is judged
    const double took = std::chrono::duration<double>(Clock::now() - started_).count();
    const double all = took * static_cast<double>(taken + left) / static_cast<double>(taken);
    if (took > measured && all > longest_search)
      throw InputError(fmt::format(
          "{} plans may be among the best (about {:.0f} min to look at, {:.0f} are the limit) {}",
          left, all / 60, longest_search / 60, narrower(ranking_)));
  }

  [[noreturn]] void refuse_all() const {
    if (ranking_.too_large > 0) {
      std::vector<std::string> texts;
      for (std::size_t k = 0; k < plan_keys.size(); ++k)
        texts.push_back(fmt::format("{} = {}", plan_keys[k], least_plan_[k]));
      throw InputError(fmt::format(
          "no plan of {} fits (the least, {}, takes {:.4g} GB a chip) give the job more chips or "
          "others, or leave more of the keys open",
          ranking_.plans, fmt::join(texts, ", "), least_need_ / 1e9));
    }
    if (!refusal_.empty()) throw InputError(refusal_);
    throw InputError(fmt::format(
        "none of {} plans is possible (a replica has no room, or no microbatch, in any) "
        "give more chips, more tokens a step, or leave more of the keys open",
        ranking_.plans));
  }

  struct Next {
    double bound;
    std::size_t candidate;
    bool operator<(const Next& other) const {
      return bound < other.bound || (bound == other.bound && candidate > other.candidate);
    }
  };

  const PlanChoices& choices_;
  std::size_t top_;
  std::uint64_t seed_;
  std::span<const Parameter> rows_;
  std::span<const TopologyKind* const> topologies_;
  Execution how_;
  std::vector<Fleet> fleets_;
  std::vector<Placement> placements_;  // (fleets)
  std::vector<Candidate> candidates_;
  std::priority_queue<Next> heap_;
  std::array<std::map<std::string, std::vector<LayerTraffic>>, 2> traffic_;  // by traffic_key
  PlanRanking ranking_;
  std::vector<std::size_t> kept_;  // candidates of ranking_.best
  std::string refusal_;            // the first
  double least_need_ = HUGE_VAL;
  ParallelPlan least_plan_;
  Clock::time_point started_;
};

}  // namespace

PlanRanking rank_plans(const PlanChoices& choices, std::size_t top, std::uint64_t seed,
                       std::span<const Parameter> rows,
                       std::span<const TopologyKind* const> topologies, const Execution& how) {
  return Search(choices, top, seed, rows, topologies, how).run();
}

}  // namespace lockstep
