#include <fmt/format.h>

#include <algorithm>

#include "engine/power/metered_jobs.hpp"
#include "engine/power/smoothing/chip_speed.hpp"
#include "engine/training/jobs.hpp"

namespace lockstep {
namespace {

/// What is left open because the trace is too short or coarse.
void note_what_is_not_shown(const PreparedCapability& capability, const Jobs& jobs,
                            std::vector<std::string>& texts) {
  const auto& metered = static_cast<const MeteredJobs&>(capability);
  const double length = metered.length(), resolution = metered.power().resolution;
  std::string open;
  double longest = 0;
  const auto add = [&](const std::string& name, double due) {
    open += (open.empty() ? "" : ", ") + name;
    longest = std::max(longest, due);
  };
  for (const PowerBand& band : power_bands)
    if (!Spectrum::shows(band.low, band.high, length, resolution))
      add(text_of(band), Spectrum::periods / band.low);
  for (const GridLimit& limit : metered.limits())
    if (!shows(limit, length, resolution)) add(std::string(limit.name), length_for(limit));
  if (open.empty()) return;
  std::string advice = " at a power.resolution of 5ms or finer";
  if (length < longest)
    advice = fmt::format(": all of them take {}, sampling.steps = {:.0f}",
                         format_rounded(longest, Dimension::time),
                         steps_for(longest, length, jobs.scenario().steps));
  texts.push_back(fmt::format("The recorded steps, about {}, do not show the power's {}{}.",
                              format_rounded(length, Dimension::time), open, advice));
}

/// What the chips' peaks leave above the floor, whatever else smooths waits.
void note_what_no_floor_smooths(const PreparedCapability& capability, const Jobs&,
                                std::vector<std::string>& texts) {
  const auto& metered = static_cast<const MeteredJobs&>(capability);
  const Power& power = metered.power();
  if ((power.floor == 0 && power.filler == 0) || power.storage > 0 || power.overshoot_time == 0)
    return;
  double least = 0;
  for (const MeteredJob& job : metered.fleet().jobs())
    for (std::size_t g = 0; g < job.chips.size(); ++g) {
      const ChipPower& chip = job.chips[g];
      least += (chip.peak - std::max(chip.communication, chip.waiting)) *
               job.job->chips_by_generation()[g];
    }
  std::string broken;
  for (const GridLimit& limit : metered.limits())
    if (std::ranges::any_of(limit.rules, [&](const GridRule& rule) {
          return rule.measure == GridMeasure::change && rule.watts < least;
        }))
      broken += (broken.empty() ? "" : ", ") + std::string(limit.name);
  if (broken.empty()) return;
  texts.push_back(
      fmt::format("Peaks of {:.4g} TDP above waits at {:.4g} swing {} where all chips begin "
                  "together: beyond {} "
                  "without power.storage, or a higher power.filler.",
                  power.overshoot, std::max(power.floor, power.filler),
                  format_rounded(least, Dimension::power), broken));
}

/// The chips' boxes are open when a trial begins.
void note_first_steps(const PreparedCapability& capability, const Jobs& jobs,
                      std::vector<std::string>& texts) {
  const auto& metered = static_cast<const MeteredJobs&>(capability);
  if (metered.power().stop_delay && jobs.scenario().warmup_steps == 0)
    texts.push_back(
        "The first step finds every chip's box of power.stop_delay open, as no wait came before "
        "it: "
        "sampling.warmup_steps = 3 leave it out.");
}

constexpr CapabilityNote notes[] = {{false, note_what_is_not_shown},
                                    {false, note_what_no_floor_smooths},
                                    {false, note_first_steps}};

std::unique_ptr<const PreparedCapability> prepare(const Jobs& jobs) {
  if (!power_from(jobs.values()).meters) return nullptr;
  return std::make_unique<MeteredJobs>(jobs);
}

constexpr SummaryColumn columns[] = {{"mean", "MW", "power_mean", 1e-6},
                                     {"swing", "MW", "power_swing", 1e-6}};

}  // namespace

const Capability power_capability{
    .name = "power",
    .summary = "power of the fleet over the steps: swing, spectrum, limits, energy",
    .parameters =
        [] {
          const auto rows = power_parameters();
          return std::vector<Parameter>(rows.begin(), rows.end());
        },
    .metrics = [] { return rows_of(power_metrics()); },
    .extents = power_extents,
    .columns = columns,
    .facts = {},
    .notes = notes,
    .change = slow_down,
    .set_extents = power_course_extents,
    .prepare = prepare};

}  // namespace lockstep
