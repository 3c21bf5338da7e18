#include "experiments/describe/notes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/base/text/text.hpp"
#include "experiments/describe/drawn_settings.hpp"
#include "experiments/describe/idle_settings.hpp"
#include "experiments/study_file.hpp"
#include "experiments/summary/fullest_chip.hpp"
#include "experiments/table.hpp"

namespace lockstep {
namespace {

using Texts = std::vector<std::string>;

constexpr std::size_t most_of_a_kind = 3;

/// What a measured fleet holds, generation by generation.
void find_inventory(const DesignPoint& job, Texts& texts) {
  const Fleet& fleet = job.scenario().fleet;
  for (std::size_t g = 0; g < fleet.generations.size(); ++g) {
    std::int64_t nodes = 0;
    double slowest = HUGE_VAL, fastest = 0;
    for (const FleetNode& node : fleet.nodes) {
      if (node.generation != g) continue;
      ++nodes;
      slowest = std::min(slowest, node.speed);
      fastest = std::max(fastest, node.speed);
    }
    if (nodes > 0)
      texts.push_back(
          fmt::format("The inventory holds {} of {} on {}, relative speeds {:.4g} to {:.4g}.",
                      counted(fleet.generations[g].chips, "chip"), fleet.generations[g].chip.name,
                      counted(nodes, "line"), slowest, fastest));
  }
}

void find_slowest_chip(const DesignPoint& job, Texts& texts) {
  const double spread = job.scenario().fleet.chip_spread;
  if (spread == 0) return;
  // The largest of n standard normals is about sqrt(2 ln n): Gumbel (1958), section 4.2.
  const auto chips = static_cast<double>(job.layout().chips());
  const double z = std::sqrt(2 * std::log(std::max(2.0, chips)));
  texts.push_back(fmt::format(
      "The slowest of {:.0f} chips is expected about {:.1f} % below the mean (fleet.chip_spread "
      "{}).",
      chips, 100 * (1 - std::exp(-spread * z)), spread));
}

void find_uneven_steps(const DesignPoint& job, Texts& texts) {
  const Scenario& scenario = job.scenario();
  if (scenario.steps % scenario.job.sync_every != 0)
    texts.push_back(
        fmt::format("{} recorded steps are no multiple of job.sync_every {}, so that they hold "
                    "more or less than their share of synchronizations; change sampling.steps.",
                    scenario.steps, scenario.job.sync_every));
}

void find_idle_chips(const DesignPoint& job, Texts& texts) {
  const std::int64_t idle = job.layout().idle_chips;
  if (idle > 0)
    texts.push_back(
        fmt::format("{} of {} chips are idle (they fit in no model-parallel group of {}, or not in "
                    "the torus) and count in the fleet's peak.",
                    idle, job.scenario().fleet.chips(), job.scenario().job.model_parallel()));
}

void find_full_memory(const DesignPoint& job, Texts& texts) {
  const double need = memory_of(job).total();
  const auto& generations = job.scenario().fleet.generations;
  for (std::size_t g = 0; g < generations.size(); ++g)
    if (job.chips_by_generation()[g] > 0 && need > generations[g].chip.hbm)
      texts.push_back(fmt::format(
          "{:.4g} GB of weights, gradients, optimizer state and activations a chip do not fit {}'s "
          "{:.4g} GB; raise job.tensor or job.pipeline, or set job.data_parallel or job.recompute.",
          need / 1e9, generations[g].chip.name, generations[g].chip.hbm / 1e9));
}

/// A model whose shape and size are not of one model.
void find_other_shape(const DesignPoint& job, Texts& texts) {
  constexpr double most = 0.05;
  const Model& model = job.scenario().job.model;
  const double shape = model.shape_parameters();
  if (std::abs(shape / model.parameters - 1) > most)
    texts.push_back(fmt::format(
        "job.model_parameters is {:.4g}, but {:.0f} layers of {:.0f} with {:.0f} tokens of "
        "vocabulary make {:.4g}; set job.layers, job.hidden, job.feed_forward (and job.heads, "
        "job.experts, ...) of the model.",
        model.parameters, model.layers, model.hidden, model.vocabulary, shape));
}

void find_busy_experts(const DesignPoint& job, Texts& texts) {
  const Model& model = job.scenario().job.model;
  if (model.experts > 0 && model.top_k >= model.experts)
    texts.push_back(
        fmt::format("job.top_k = {:.0f} of job.experts = {:.0f}: every token passes every expert, "
                    "as in a dense "
                    "model, and is still sent to them; lower job.top_k or leave job.experts out.",
                    model.top_k, model.experts));
}

/// Whether chips beyond a scale-up domain meet in switches; on a torus its links go on.
bool is_switched(const DesignPoint& job) {
  return job.scenario().topology->parts(job.values(), job.layout().chips()).leaf_switches;
}

void find_wide_tensor_groups(const DesignPoint& job, Texts& texts) {
  if (!is_switched(job)) return;
  const std::int64_t tensor = job.scenario().job.tensor;
  const auto& generations = job.scenario().fleet.generations;
  for (std::size_t g = 0; g < generations.size(); ++g)
    if (job.chips_by_generation()[g] > 0 &&
        static_cast<double>(tensor) > generations[g].chip.scale_up_domain)
      texts.push_back(fmt::format(
          "tensor-parallel groups of {} chips do not fit in a scale-up domain of {} ({:.0f}): "
          "their traffic crosses the network in every layer; lower job.tensor.",
          tensor, generations[g].chip.name, generations[g].chip.scale_up_domain));
}

void find_foreign_chips(const DesignPoint& job, Texts& texts) {
  const Scenario& scenario = job.scenario();
  if (!is_switched(job) || scenario.fabric.uniform()) return;
  for (const auto& generation : scenario.fleet.generations)
    if (generation.chip.nccl == "none")
      texts.push_back(fmt::format(
          "NCCL does not run on {}: latencies and caps of its messages are those of Hopper, and no "
          "switch adds inside its scale-up domains (chip.{}.nccl).",
          generation.chip.name, generation.chip.name));
}

void find_slow_methods(const DesignPoint& job, Texts& texts) {
  for (const PlannedPhase& planned : job.phases())
    if (planned.has_noise())
      if (std::string text = planned.collective->warning(); !text.empty())
        texts.push_back(std::move(text));
}

void find_independent_noise(const DesignPoint& job, Texts& texts) {
  if (job.scenario().noise.only_independent())
    texts.emplace_back(
        "only independent noise is on; it averages out over many chips, so that distributions "
        "come out narrow. Consider noise.straggler_fraction, noise.slow_link_fraction and "
        "noise.tenancy.");
}

/// A peak that no chip has, nearly always a wrong unit.
void find_implausible_peaks(const DesignPoint& job, Texts& texts) {
  constexpr double least = 1e12, most = 1e17;
  for (const auto& generation : job.scenario().fleet.generations)
    if (const double peak = generation.chip.peak; peak < least || peak > most)
      texts.push_back(fmt::format(
          "the peak of {} is {}; chips of today have 100TFLOP/s to 10PFLOP/s: is the unit of "
          "chip.{}.peak right?",
          generation.chip.name, format_quantity(peak, Dimension::flop_rate), generation.chip.name));
}

void find_kernels_above_peak(const DesignPoint& job, Texts& texts) {
  for (const auto& generation : job.scenario().fleet.generations) {
    const Chip& chip = generation.chip;
    const double share = job.scenario().job.kernel_efficiency * chip.stack;
    if (share > 1)
      texts.push_back(fmt::format(
          "{} computes at {:.4g} % of its peak (job.kernel_efficiency x chip.{}.stack), which no "
          "chip can; lower one of them.",
          chip.name, 100 * share, chip.name));
  }
}

/// A step far from any that is trained with, nearly always a wrong number or unit.
void find_implausible_steps(const DesignPoint& job, Texts& texts) {
  constexpr double longest = 86400, shortest = 1e-5, least_mfu = 1e-3;
  const std::vector<double>& times = job.work().chip_time;
  const double step =
      *std::max_element(times.begin(), times.end()) + job.noise_free_communication_time();
  if (step > longest || step < shortest)
    texts.push_back(
        fmt::format("a step of {} is implausible; check the batch, the model's size and the units.",
                    format_duration(step)));
  const double mfu = job.work().flops / (step * job.scenario().fleet.peak());
  if (!job.scenario().job.compute_time && mfu < least_mfu)
    texts.push_back(fmt::format(
        "an MFU of about {:.2g} % is implausible; check the batch, the peaks, the bandwidths and "
        "their units.",
        100 * mfu));
}

struct JobNote {
  bool warning, of_training;
  void (*find)(const DesignPoint& job, Texts& texts);
};

constexpr JobNote job_notes[] = {
    {false, false, find_inventory},         {false, true, find_slowest_chip},
    {true, true, find_uneven_steps},        {true, true, find_idle_chips},
    {true, true, find_full_memory},         {true, true, find_other_shape},
    {true, true, find_busy_experts},        {true, true, find_wide_tensor_groups},
    {false, true, find_foreign_chips},      {true, true, find_independent_noise},
    {true, false, find_implausible_peaks},  {true, true, find_implausible_steps},
    {true, false, find_kernels_above_peak}, {true, true, find_slow_methods},
};
Texts side_by_side(const Jobs& jobs) {
  if (jobs.all().size() == 1) return {};
  return {
      "Isolated jobs are models trained side by side, one a generation: their FLOP rates add up, "
      "but no one model is trained faster. What is derived above stands side by side."};
}

/// " (topology.kind=tree and 2 more)", or "" for all points.
std::string holding_for(const std::vector<std::size_t>& points, const Study& study) {
  if (points.size() == study.points.size()) return "";
  const std::size_t more = points.size() - 1;
  return fmt::format(" ({}{})", study.point_names[points.front()],
                     more == 0 ? "" : fmt::format(" and {} more", more));
}

}  // namespace

void StudyNotes::look_at(std::size_t point, const Jobs& jobs) {
  std::size_t kind = 0;
  const auto next_kind = [&](bool warning, const Texts& texts, bool of_training = false) {
    if (kind == kinds_.size()) kinds_.push_back({warning, of_training, {}});
    std::vector<Note>& notes = kinds_[kind++].notes;
    for (const std::string& text : texts) {
      auto known =
          std::find_if(notes.begin(), notes.end(), [&](const Note& n) { return n.first == text; });
      if (known == notes.end()) known = notes.insert(known, {text, {}});
      if (known->second.empty() || known->second.back() != point) known->second.push_back(point);
    }
  };
  for (const auto& generation : jobs.fleet().generations) generations_.insert(generation.chip.name);
  generations_.insert(jobs.values().text("reliability.spare_generation"));
  for (const JobNote& row : job_notes) {
    Texts texts;
    for (const auto& job : jobs.all()) row.find(*job, texts);
    next_kind(row.warning, texts, row.of_training);
  }
  next_kind(false, side_by_side(jobs));
  for (const auto& [capability, prepared] : jobs.capabilities()) {
    has_other_use_ |= prepared != nullptr && capability->instead_of_training;
    for (const CapabilityNote& row : capability->notes) {
      Texts texts;
      if (prepared) row.find(*prepared, jobs, texts);
      next_kind(row.warning, texts);
    }
  }
}

std::vector<std::string> StudyNotes::remarks(const Study& study) const {
  return lines(study, false);
}

std::vector<std::string> StudyNotes::warnings(const Study& study) const {
  return lines(study, true);
}

bool StudyNotes::asks_for_training(const Study& study) const {
  return !has_other_use_ || says_what_to_train(study.text, study.overrides);
}

std::vector<std::string> StudyNotes::lines(const Study& study, bool warnings) const {
  std::vector<std::string> lines =
      warnings ? idle_settings(study, generations_) : drawn_settings(study);
  const bool trains = asks_for_training(study);
  for (const Kind& kind : kinds_) {
    if (kind.warning != warnings || (kind.of_training && !trains)) continue;
    const std::vector<Note>& notes = kind.notes;
    for (std::size_t i = 0; i < std::min(notes.size(), most_of_a_kind); ++i)
      lines.push_back(notes[i].first + holding_for(notes[i].second, study));
    if (notes.size() > most_of_a_kind)
      lines.back() += fmt::format(" And {} more such lines.", notes.size() - most_of_a_kind);
  }
  return lines;
}

}  // namespace lockstep
