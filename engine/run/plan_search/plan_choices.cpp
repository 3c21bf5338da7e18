#include "engine/run/plan_search/plan_choices.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>

#include "engine/base/error.hpp"
#include "engine/machine/fleet.hpp"

namespace lockstep {
namespace {

constexpr std::string_view automatic = "auto";

std::int64_t number(const std::string& text) {
  std::int64_t value = 1;  // of "auto", which leaves nothing to multiply
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

void refuse_axes(const Study& study) {
  if (study.axes.empty()) return;
  std::vector<std::string_view> keys;
  for (const Axis& axis : study.axes) keys.push_back(axis.key);
  throw InputError(
      fmt::format("{} has {} design points over {} (a plan is sought for one) give one value of "
                  "each, for example by --set {}={}",
                  study.path, study.points.size(), fmt::join(keys, ", "), keys.front(),
                  study.axes.front().labels.front()));
}

/// Whether so many parts are alike: of the layers, or of these with embedding and head.
bool cuts(const Model& model, std::int64_t parts) {
  const auto n = static_cast<double>(parts);
  return std::fmod(model.layers, n) == 0 || std::fmod(model.layers + 2, n) == 0;
}

bool is_power_of_two(std::int64_t n) {
  return (n & (n - 1)) == 0;
}

std::vector<std::string> powers_of_two(std::int64_t first, std::int64_t most,
                                       const std::function<bool(std::int64_t)>& holds) {
  std::vector<std::string> all;
  for (std::int64_t n = first; n <= most; n *= 2)
    if (holds(n)) all.push_back(std::to_string(n));
  return all;
}

std::vector<std::string> whole_numbers(std::int64_t most,
                                       const std::function<bool(std::int64_t)>& holds) {
  std::vector<std::string> all;
  for (std::int64_t n = 1; n <= most; ++n)
    if (holds(n)) all.push_back(std::to_string(n));
  return all;
}

/// Of values as a study has them: words before numbers.
bool is_less(const std::string& a, const std::string& b) {
  const bool number_a = std::isdigit(static_cast<unsigned char>(a.front())) != 0;
  const bool number_b = std::isdigit(static_cast<unsigned char>(b.front())) != 0;
  if (number_a && number_b) return a.size() < b.size() || (a.size() == b.size() && a < b);
  return number_b && !number_a;
}

}  // namespace

PlanChoices::PlanChoices(const Study& study, std::span<const std::string> free) {
  refuse_axes(study);
  base_ = study.points.front();
  if (base_.has("job.compute_time"))
    throw study.problem("job.compute_time",
                        "a step's compute is given (whatever the plan, so that none is better) "
                        "give job.tokens_per_batch or tokens_per_chip in its place");
  if (!base_.has("job.tokens_per_batch") && !base_.has("job.tokens_per_chip")) {
    const auto row = std::find_if(study.parameters.begin(), study.parameters.end(),
                                  [](const auto& p) { return p.key == "job.tokens_per_chip"; });
    base_.set("job.tokens_per_chip", parse_value(*row->row, "1024", ""));
  }
  for (const ResolvedParameter& parameter : study.parameters) {
    const auto key = std::find(plan_keys.begin(), plan_keys.end(), parameter.key);
    const bool is_free = std::find(free.begin(), free.end(), parameter.key) != free.end();
    if (key != plan_keys.end() && !parameter.place.empty() && !is_free)
      fixed_[static_cast<std::size_t>(key - plan_keys.begin())] = parameter.text;
  }
  model_ = model_from(base_);
  chips_ = fleet_from(base_).chips();
  tokens_ = base_.optional_real("job.tokens_per_batch")
                .value_or(base_.optional_real("job.tokens_per_chip").value_or(0) *
                          static_cast<double>(chips_));
}

void PlanChoices::for_each(const std::function<bool(ParallelPlan& plan)>& visit) const {
  ParallelPlan plan;
  choose(0, plan, visit);
}

std::vector<std::string> PlanChoices::recomputations() const {
  if (fixed_[key_recompute]) return {*fixed_[key_recompute]};
  return {"none", "full"};
}

PlanChoices::Count PlanChoices::count(std::int64_t most) const {
  Count count;
  const auto keep = [&](std::size_t key, const std::string& value) {
    std::vector<std::string>& tried = count.tried[key];
    if (!fixed_[key] && std::find(tried.begin(), tried.end(), value) == tried.end())
      tried.push_back(value);
  };
  for_each([&](const ParallelPlan& plan) {
    for (std::size_t k = 0; k < key_recompute; ++k) keep(k, plan[k]);
    return ++count.plans < most;
  });
  for (const std::string& value : recomputations()) keep(key_recompute, value);
  for (auto& values : count.tried) std::stable_sort(values.begin(), values.end(), is_less);
  return count;
}

bool PlanChoices::choose(std::size_t key, ParallelPlan& plan,
                         const std::function<bool(ParallelPlan& plan)>& visit) const {
  if (key == key_recompute) return visit(plan);
  for (std::string& value : values_of(key, plan)) {
    plan[key] = std::move(value);
    if (!choose(key + 1, plan, visit)) return false;
  }
  return true;
}

std::vector<std::string> PlanChoices::values_of(std::size_t key, const ParallelPlan& plan) const {
  return fixed_[key] ? std::vector{*fixed_[key]} : searched_values(key, plan);
}

std::vector<std::string> PlanChoices::searched_values(std::size_t key,
                                                      const ParallelPlan& plan) const {
  const auto all = [](std::int64_t) { return true; };
  const auto layers = static_cast<std::int64_t>(model_.layers);
  const std::int64_t pipeline = key > key_pipeline ? number(plan[key_pipeline]) : 1;
  const std::int64_t tensor = key > key_tensor ? number(plan[key_tensor]) : 1;
  const bool is_dual = key > key_schedule && pipeline > 1 && plan[key_schedule] == "dual";
  const std::int64_t room = chips_ / std::max<std::int64_t>(1, tensor * pipeline);  // replicas
  switch (key) {
    case key_tensor:
      return powers_of_two(1, chips_, [&](std::int64_t n) {
        return std::fmod(model_.heads, static_cast<double>(n)) == 0;
      });
    case key_pipeline:
      return whole_numbers(std::max<std::int64_t>(1, std::min(layers, room)), [&](std::int64_t n) {
        const bool pairs = fixed_[key_schedule] == "dual" && n > 1;
        return (cuts(model_, n) || is_power_of_two(n)) && !(pairs && n % 2 != 0);
      });
    case key_schedule:
      if (pipeline == 1 || number(fixed_[key_virtual_stages].value_or("1")) > 1)
        return {"interleaved"};
      if (pipeline % 2 != 0) return {"interleaved", "zero_bubble"};
      return {"interleaved", "zero_bubble", "dual"};
    case key_virtual_stages: {
      if (pipeline == 1 || plan[key_schedule] != "interleaved") return {std::string(automatic)};
      const std::int64_t most = (layers + 2) / pipeline;
      return whole_numbers(
          most, [&](std::int64_t n) { return n == 1 || n == most || cuts(model_, n * pipeline); });
    }
    case key_context:
      return powers_of_two(1, std::max<std::int64_t>(1, room), [&](std::int64_t n) {
        const double chunk = model_.sequence_length / (2 * static_cast<double>(n));
        return n == 1 || (chunk >= least_chunk && chunk == std::floor(chunk));
      });
    case key_expert:
      if (model_.experts == 0) return {"1"};
      return whole_numbers(
          std::min(room, static_cast<std::int64_t>(model_.experts)),
          [&](std::int64_t n) { return std::fmod(model_.experts, static_cast<double>(n)) == 0; });
    case key_data_parallel:
      if (fixed_[key_shard_group] && *fixed_[key_shard_group] != automatic) return {"hsdp"};
      if (room < 2) return {"distributed_optimizer"};
      return {"all_reduce", "distributed_optimizer", "zero2", "fsdp", "hsdp"};
    case key_shard_group:
      if (plan[key_data_parallel] != "hsdp") return {std::string(automatic)};
      return powers_of_two(2, room / 2, all);
    default: {  // sequences of a microbatch, at least one for every replica or context group
      const double streams =
          std::floor(static_cast<double>(room) / static_cast<double>(number(plan[key_context])));
      const double each = tokens_ / model_.sequence_length / std::max(1.0, streams);
      if (!is_dual)
        return powers_of_two(1, std::max<std::int64_t>(1, static_cast<std::int64_t>(each)), all);
      return powers_of_two(1, static_cast<std::int64_t>(each) / (2 * pipeline), all);
    }
  }
}

}  // namespace lockstep
