#include "experiments/describe/simulated_values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/base/text/quantity.hpp"
#include "experiments/table.hpp"

namespace lockstep {
namespace {

constexpr std::string_view derived = "derived";

std::string in_gigabytes(double bytes) {
  return fmt::format("{:.4g}GB", bytes / 1e9);
}

/// Figures of a generation, by the last part of their keys.
std::map<std::string, std::string> figures_of(const Chip& chip) {
  const auto quantity = [](double value, Dimension due) { return format_quantity(value, due); };
  return {{"peak", quantity(chip.peak, Dimension::flop_rate)},
          {"fp8_peak", chip.fp8_peak > 0 ? quantity(chip.fp8_peak, Dimension::flop_rate) : "none"},
          {"link_bandwidth",
           chip.link_bandwidth > 0 ? quantity(chip.link_bandwidth, Dimension::bandwidth) : "none"},
          {"hbm", quantity(chip.hbm, Dimension::bytes)},
          {"hbm_bandwidth", quantity(chip.hbm_bandwidth, Dimension::bandwidth)},
          {"tdp", quantity(chip.tdp, Dimension::power)},
          {"idle_power", quantity(chip.idle_power, Dimension::power)},
          {"context_power", quantity(chip.context_power, Dimension::power)},
          {"host_power", quantity(chip.host_power, Dimension::power)},
          {"scale_up_bandwidth", quantity(chip.scale_up_bandwidth, Dimension::bandwidth)},
          {"scale_up_domain", format_number(chip.scale_up_domain)},
          {"node", format_number(chip.node)},
          {"injection_bandwidth", quantity(chip.injection_bandwidth, Dimension::bandwidth)},
          {"stack", format_number(chip.stack)},
          {"nccl", chip.nccl}};
}

bool in_catalogue(std::string_view name) {
  const auto chips = chip_catalogue();
  return std::any_of(chips.begin(), chips.end(), [&](const Chip& c) { return c.name == name; });
}

/// What the job takes where the study says nothing.
std::vector<std::pair<std::string, SimulatedValues::Shown>> job_values(const DesignPoint& point) {
  const Job& job = point.scenario().job;
  const auto tokens = [](double count) {
    return SimulatedValues::Shown{format_number(count), std::string(derived)};
  };
  std::vector<std::pair<std::string, SimulatedValues::Shown>> values;
  const bool has_tokens = !job.compute_time;
  if (has_tokens && job.tokens_per_chip)
    values.push_back({"job.tokens_per_chip", {format_number(*job.tokens_per_chip), "default"}});
  if (has_tokens && !job.tokens_per_chip)
    values.push_back({"job.tokens_per_chip",
                      tokens(point.work().tokens / static_cast<double>(point.layout().chips()))});
  if (has_tokens) values.push_back({"job.tokens_per_batch", tokens(point.work().tokens)});
  values.push_back(
      {"job.gradient_bytes",
       {in_gigabytes(job.gradient_bytes_per_chip() * static_cast<double>(job.model_parallel())),
        std::string(derived)}});
  const Model& model = job.model;
  values.push_back(
      {"job.active_parameters", {format_number(model.active_parameters), std::string(derived)}});
  for (const auto& [key, width] : {std::pair{"job.feed_forward", model.feed_forward},
                                   {"job.heads", model.heads},
                                   {"job.head_size", model.head_size},
                                   {"job.kv_heads", model.kv_heads},
                                   {"job.expert_hidden", model.expert_hidden}})
    if (width > 0)
      values.push_back({key, {format_number(std::round(width)), std::string(derived)}});
  if (job.tensor > 1)
    values.push_back({"job.synchronizations", {"4 a layer and microbatch", std::string(derived)}});
  return values;
}

/// What hops take where the study says nothing.
std::vector<std::pair<std::string, SimulatedValues::Shown>> fabric_values(
    const DesignPoint& point) {
  const Fabric& fabric = point.scenario().fabric;
  if (fabric.uniform()) return {};
  const bool torus = point.scenario().topology->name.find("torus") != std::string_view::npos;
  if (torus) return {{"fabric.link_bandwidth", {"a sixth of injection", std::string(derived)}}};
  return {{"fabric.hop_latency", {"by protocol and tier", std::string(derived)}},
          {"fabric.hop_bandwidth", {"by chip and tier", std::string(derived)}}};
}

}  // namespace

void SimulatedValues::keep(const std::string& key, Shown shown) {
  const auto [known, is_new] = shown_.emplace(key, shown);
  if (!is_new && known->second.value != shown.value) known->second.value = "by design point";
}

void SimulatedValues::keep_figures(const Chip& chip) {
  const std::string origin = in_catalogue(chip.name) ? "catalogue" : "as H100";
  for (auto& [name, text] : figures_of(chip))
    keep(fmt::format("chip.{}.{}", chip.name, name), {text, origin});
  keep(fmt::format("chip.{}.node_failure_rate", chip.name),
       {"reliability.node_failure_rate", std::string(derived)});
}

void SimulatedValues::look_at(const Jobs& jobs) {
  for (const auto& generation : jobs.fleet().generations) keep_figures(generation.chip);
  if (const auto& spare = jobs.values().text("reliability.spare_generation"); spare != "same")
    keep_figures(find_chip(spare, jobs.values()));
  for (const auto& job : jobs.all()) {
    for (auto& [key, shown] : job_values(*job)) keep(key, std::move(shown));
    for (auto& [key, shown] : fabric_values(*job)) keep(key, std::move(shown));
  }
}

SimulatedValues::Shown SimulatedValues::of(const ResolvedParameter& parameter) const {
  const auto found = shown_.find(parameter.key);
  return found == shown_.end() ? Shown{"-", "not used"} : found->second;
}

}  // namespace lockstep
