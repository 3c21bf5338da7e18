#include "engine/training/jobs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <utility>

namespace lockstep {
namespace {

/// "chip.*.rent" of "chip.H100.rent", else the key itself.
std::string row_key(std::string_view key) {
  return key.starts_with("chip.") ? fmt::format("chip.*{}", key.substr(key.rfind('.')))
                                  : std::string(key);
}

/// Whether two points differ in values of capabilities alone. A value that was drawn has no
/// canonical text and is never taken for another's.
bool differ_in_capabilities_alone(const Values& a, const Values& b,
                                  std::span<const Capability* const> capabilities) {
  const auto is_own = [&](std::string_view key) {
    return std::ranges::any_of(capabilities, [&](const Capability* capability) {
      return std::ranges::any_of(capability->parameters(),
                                 [row = row_key(key)](const Parameter& p) { return p.key == row; });
    });
  };
  return std::ranges::equal(a.all(), b.all(), [&](const auto& one, const auto& other) {
    const auto& [key, value] = one;
    if (key != other.first) return false;
    if (value == other.second || (value->data.index() == 0 && other.second->data.index() == 0))
      return true;
    const bool same = !value->canonical.empty() && value->canonical == other.second->canonical;
    return same || is_own(key);
  });
}

}  // namespace

std::span<const double> EarlierResults::find(std::string_view capability,
                                             std::string_view metric) const {
  for (std::size_t c = 0; c < values.size(); ++c) {
    if (capabilities[c].row->name != capability || values[c].empty()) continue;
    const std::vector<Metric> metrics = capabilities[c].row->metrics();
    for (std::size_t m = 0; m < metrics.size(); ++m)
      if (metrics[m].variable.name == metric) return values[c][m];
    std::abort();
  }
  return {};
}

Jobs::Jobs(const Values& values, std::span<const TopologyKind* const> topologies,
           std::span<const Capability* const> capabilities, std::uint64_t seed,
           std::span<const Phase> phases, const KnownFacts& known, const Jobs* like)
    : scenario_(scenario_from(values, topologies, seed)), values_(values) {
  constexpr std::int64_t any_replicas = std::numeric_limits<std::int64_t>::max();
  scenario_.phases = phases;
  if (like && !differ_in_capabilities_alone(values, like->values_, capabilities)) like = nullptr;
  const auto add = [&](Scenario own) {
    for (const Capability* capability : capabilities)
      if (capability->change) capability->change(own, values);
    if (const std::size_t j = jobs_.size();
        like && j < like->jobs_.size() && like->jobs_[j]->scenario() == own) {
      jobs_.push_back(like->jobs_[j]);
      return;
    }
    jobs_.push_back(
        std::make_shared<const DesignPoint>(std::move(own), values, any_replicas, known));
  };
  if (values.text("job.work_share") != "isolated") {
    add(scenario_);
  } else {
    for (std::size_t g = 0; g < fleet().generations.size(); ++g) {
      Scenario own = scenario_;
      own.fleet = fleet_of_generation(fleet(), g);
      own.job_number = g;
      add(std::move(own));
    }
  }
  for (const Capability* capability : capabilities)
    capabilities_.push_back({capability, capability->prepare(*this)});
}

void Jobs::add_to(KnownFacts& known) const {
  for (const auto& job : jobs_) {
    if (job->answer()) known.add(job->answer());
    known.add(job->tensor_groups());
  }
}

const DesignPoint& Jobs::longest() const {
  return **std::max_element(jobs_.begin(), jobs_.end(), [](const auto& a, const auto& b) {
    return a->quiet_step().time() < b->quiet_step().time();
  });
}

std::string Jobs::choice() const {
  std::string text;
  for (std::size_t j = 0; j < jobs_.size(); ++j) {
    if (jobs_.size() > 1)
      text += fmt::format("{}{}: ", j == 0 ? "" : "; ", fleet().generations[j].chip.name);
    text += jobs_[j]->choice();
  }
  for (const auto& [row, prepared] : capabilities_)
    if (const std::string own = prepared ? prepared->choice() : ""; !own.empty())
      text += "; " + own;
  return text;
}

JobsResult Jobs::run_trial(std::uint32_t trial, const Execution& how) const {
  std::vector<std::vector<std::unique_ptr<StepObserver>>> observers(capabilities_.size());
  std::vector<TrainedJob> trained;
  for (std::size_t j = 0; j < jobs_.size(); ++j) {
    std::vector<StepObserver*> looking;
    for (std::size_t c = 0; c < capabilities_.size(); ++c) {
      if (!capabilities_[c].prepared) continue;
      observers[c].push_back(capabilities_[c].prepared->observer(j, trial));
      if (observers[c].back()) looking.push_back(observers[c].back().get());
    }
    trained.push_back(train(*jobs_[j], trial, how, looking));
  }
  JobsResult result{together(trained), {}};
  for (std::size_t c = 0; c < capabilities_.size(); ++c) {
    const auto& prepared = capabilities_[c].prepared;
    result.capabilities.push_back(
        prepared ? prepared->run_trial(
                       {trial, how, trained, observers[c], {capabilities(), result.capabilities}})
                 : MetricValues());
  }
  return result;
}

TrialResult Jobs::together(std::span<const TrainedJob> trained) const {
  TrialResult all = trained.front().result;
  if (trained.size() == 1) return all;
  double peak = 0, used = 0, chips = 0, flops = 0, flops_used = 0, waiting = 0;
  for (const TrainedJob& one : trained) {
    const TrialResult& own = one.result;
    const double fleet_peak = one.job->scenario().fleet.peak();
    const auto own_chips = static_cast<double>(one.job->layout().chips());
    peak += fleet_peak;
    used += one.job->used_peak();
    chips += own_chips;
    flops += own.mfu * fleet_peak;
    flops_used += own.mfu_used * one.job->used_peak();
    waiting += own.wait_fraction * own_chips;
    if (&one == &trained.front()) continue;
    for (std::size_t s = 0; s < all.step_time.size(); ++s) {
      if (own.step_time[s] <= all.step_time[s]) continue;
      all.step_time[s] = own.step_time[s];
      all.compute_time[s] = own.compute_time[s];
      all.communication_time[s] = own.communication_time[s];
    }
    for (auto [joint, mine] :
         {std::pair{&all.wait_fraction_by_generation, &own.wait_fraction_by_generation},
          std::pair{&all.step_time_by_generation, &own.step_time_by_generation}})
      joint->insert(joint->end(), mine->begin(), mine->end());
  }
  all.mfu = flops / peak;
  all.mfu_used = flops_used / used;
  all.wait_fraction = waiting / chips;
  return all;
}

}  // namespace lockstep
