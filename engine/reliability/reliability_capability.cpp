#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <string>
#include <vector>

#include "engine/reliability/checkpoint.hpp"
#include "engine/reliability/failures/failures.hpp"
#include "engine/reliability/long_runs.hpp"
#include "engine/training/jobs.hpp"

namespace lockstep {
namespace {

using Texts = std::vector<std::string>;

/// Of each FailureCause: what befalls one of how many parts.
constexpr std::array<std::string_view, failure_causes.size()> befalls{
    "nodes fails",  "domains fails",          "leaf switches fails",
    "cables fails", "optical switches fails", "nodes is taken down",
    "cables flaps"};

void find_failures(const PreparedLongRun& long_run, Texts& texts) {
  const Reliability& reliability = long_run.reliability();
  const LongRunJob& run = long_run.job();
  std::vector<std::string> sorts;
  for (const FailureRate& rate : failure_rates(reliability, run))
    if (rate.all > 0)
      sorts.push_back(fmt::format("{} of {:.0f} {} every {}", sorts.empty() ? "One" : "one",
                                  rate.parts, befalls[static_cast<std::size_t>(rate.cause)],
                                  format_duration(1 / rate.all)));
  if (sorts.empty()) return;
  std::string text = fmt::format("{}", fmt::join(sorts, ", "));
  if (const double rate = interruption_rate(reliability, run); rate > 0)
    text += fmt::format(
        ": {:.0f} interruptions without plan within the horizon; the optimal checkpoint interval "
        "is {}",
        reliability.horizon * rate,
        format_duration(optimal_checkpoint_interval(reliability.checkpoint_write_time, 1 / rate)));
  if (run.nodes_per_unit > 1)
    text += fmt::format("; with a failed node {} nodes are replaced together", run.nodes_per_unit);
  texts.push_back(text + ".");
}

void find_rates_of_nothing(const PreparedLongRun& long_run, Texts& texts) {
  for (const FailureRate& rate : failure_rates(long_run.reliability(), long_run.job()))
    if (rate.each > 0 && rate.parts == 0)
      texts.push_back(
          rate.cause == FailureCause::domain
              ? fmt::format("{} counts for nothing where a node is a scale-up domain of its own.",
                            rate.key)
              : fmt::format("{} counts for nothing with {}, which has no such part.", rate.key,
                            long_run.design_point().scenario().topology->name));
}

void find_unusable_spares(const PreparedLongRun& long_run, Texts& texts) {
  const Reliability& reliability = long_run.reliability();
  if (!reliability.spares) return;
  const std::int64_t unit = long_run.job().nodes_per_unit;
  if (*reliability.spares % unit != 0)
    texts.push_back(
        fmt::format("{} of {} spare nodes make no whole unit of {}, which {} replaces together; "
                    "change reliability.spares.",
                    *reliability.spares % unit, *reliability.spares, unit,
                    long_run.design_point().scenario().topology->name));
}

/// What `find` says of each job.
template <void (*find)(const PreparedLongRun&, Texts&)>
void of_each(const PreparedCapability& capability, const Jobs&, Texts& texts) {
  for (const PreparedLongRun& run : static_cast<const LongRuns&>(capability).all())
    find(run, texts);
}

/// Jobs side by side do not share spares, which is easily overlooked.
void find_spares_of_each(const PreparedCapability& capability, const Jobs&, Texts& texts) {
  const auto& runs = static_cast<const LongRuns&>(capability).all();
  if (const auto& spares = runs.front().reliability().spares; runs.size() > 1 && spares.value_or(0))
    texts.push_back(fmt::format(
        "Each of the {} isolated jobs has {} spare nodes to itself (reliability.spares).",
        runs.size(), *spares));
}

constexpr CapabilityNote notes[] = {{false, of_each<find_failures>},
                                    {false, of_each<find_rates_of_nothing>},
                                    {true, of_each<find_unusable_spares>},
                                    {false, find_spares_of_each}};

std::vector<Parameter> parameters() {
  std::vector<Parameter> all;
  for (const auto rows : {reliability_parameters(), failure_parameters()})
    all.insert(all.end(), rows.begin(), rows.end());
  return all;
}

std::unique_ptr<const PreparedCapability> prepare(const Jobs& jobs) {
  if (!reliability_from(jobs.values()).on()) return nullptr;
  return std::make_unique<LongRuns>(jobs);
}

constexpr SummaryColumn columns[] = {{"goodput", "%", "goodput", 100},
                                     {"effective MFU", "%", "mfu_effective", 100},
                                     {"interruptions", "", "interruptions", 1}};

}  // namespace

const Capability reliability_capability{
    .name = "reliability",
    .summary = "failures, checkpoints, spares and restarts over a long run",
    .parameters = parameters,
    .metrics = metrics_of_long_runs,
    .extents =
        [] {
          return std::vector<Extent>{
              {"cause", {loss_causes.begin(), loss_causes.end()}, "what time was lost to"}};
        },
    .columns = columns,
    .facts = {},
    .notes = notes,
    .prepare = prepare};

}  // namespace lockstep
