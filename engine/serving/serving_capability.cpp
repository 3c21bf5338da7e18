#include <fmt/format.h>

#include "engine/base/text/text.hpp"
#include "engine/serving/replica/iteration_laws.hpp"
#include "engine/serving/requests/request_law.hpp"
#include "engine/serving/served_fleet.hpp"
#include "engine/training/jobs.hpp"

namespace lockstep {
namespace {

const ServedFleet& fleet_of(const PreparedCapability& capability) {
  return static_cast<const ServedFleet&>(capability);
}

std::unique_ptr<const PreparedCapability> prepare(const Jobs& jobs) {
  const Serving serving = serving_from(jobs.values());
  check_requests(serving);
  check_iterations(serving, jobs.values());
  if (!serving.on()) return nullptr;
  return std::make_unique<ServedFleet>(jobs);
}

std::string times(const PreparedCapability& capability) {
  const ServedFleet& fleet = fleet_of(capability);
  return fmt::format("{}, {}", format_quantity(fleet.warmup(), Dimension::time),
                     format_quantity(fleet.window(), Dimension::time));
}

constexpr SummaryColumn columns[] = {
    {"serving rate", "tokens/s", "serving_output_rate", 1, "", Aim::more},
    {"of rated", "%", "serving_rated_share", 100},
    {"first token p99", "s", "time_to_first_token", 1, "p99"},
    {"overloaded", "", "serving_overloaded", 1, "", Aim::never}};

constexpr CapabilityFact facts[] = {
    {"rated requests/s", "requests a second that the fleet is rated for",
     [](const PreparedCapability& c) {
       return fmt::format("{:.4g}", fleet_of(c).rated_requests());
     }},
    {"cells", "cells of replicas that serve, and how many of them a trial samples",
     [](const PreparedCapability& c) {
       return fmt::format("{}, {}", fleet_of(c).cells().count(), fleet_of(c).sampled_cells());
     }},
    {"warm-up, window", "serving's warm-up and window", times},
};

/// Chips of a generation that are in no replica.
std::int64_t idle_chips(const ServedFleet& fleet, const Jobs& jobs, std::size_t generation) {
  return jobs.fleet().generations[generation].chips - fleet.cells().chips(generation);
}

/// t0 + c B of a calibrated law; of a roofline its time at one token and at a whole chunk.
std::string law_text(const GenerationReplicas& of) {
  const IterationLaw& law = of.sort.law;
  const double context = 1e9 * law.per_context;
  if (law.knee == 1)
    return fmt::format("{:.4g} ms + {:.4g} us a token computed + {:.4g} ns a token of context",
                       1e3 * (law.fixed + law.memory), 1e6 * (law.per_token + law.compute),
                       context);
  return fmt::format("{:.4g} ms of one token to {:.4g} ms of {} + {:.4g} ns a token of context",
                     1e3 * law.time(1), 1e3 * law.time(of.sort.chunk), of.sort.chunk, context);
}

/// What each generation's replicas are.
void note_replicas(const PreparedCapability& capability, const Jobs& jobs,
                   std::vector<std::string>& texts) {
  const ServedFleet& fleet = fleet_of(capability);
  for (std::size_t g = 0; g < fleet.generations().size(); ++g) {
    const GenerationReplicas& of = fleet.generations()[g];
    const FleetGeneration& generation = jobs.fleet().generations[g];
    const std::int64_t idle = idle_chips(fleet, jobs, g);
    texts.push_back(fmt::format(
        "A replica on {} takes {}, holds {:.4g} tokens of context and is rated at {:.4g} "
        "requests/s: {:.4g} sequences in iterations of {:.4g} ms. An iteration takes {}.{}",
        generation.chip.name, counted(of.chips, "chip"),
        static_cast<double>(of.sort.context_tokens), of.rated.requests, of.rated.sequences,
        1e3 * of.rated.time, law_text(of),
        idle > 0
            ? fmt::format(" {} {} nobody.", counted(idle, "chip"), idle == 1 ? "serves" : "serve")
            : ""));
  }
}

/// Which noise of the study does not reach it.
void note_what_does_not_reach(const PreparedCapability& capability, const Jobs& jobs,
                              std::vector<std::string>& texts) {
  const Noise& noise = jobs.scenario().noise;
  if (noise.slow_link_fraction == 0 && !noise.link_episodes.on() && !noise.congestion.on()) return;
  std::string names;
  for (std::size_t g = 0; g < jobs.fleet().generations.size(); ++g)
    if (!fleet_of(capability).links_reach(g))
      names += (names.empty() ? "" : ", ") + jobs.fleet().generations[g].chip.name;
  if (!names.empty())
    texts.push_back(fmt::format(
        "Slow links, their episodes and congestion do not reach replicas of {}: each is within one "
        "scale-up domain, or of serving.law = calibrated.",
        names));
}

/// Chips that serve nobody, where they are more than a hundredth of the fleet.
void warn_of_idle_chips(const PreparedCapability& capability, const Jobs& jobs,
                        std::vector<std::string>& texts) {
  const ServedFleet& fleet = fleet_of(capability);
  std::int64_t sum = 0;
  std::string names;
  for (std::size_t g = 0; g < fleet.generations().size(); ++g) {
    const std::int64_t idle = idle_chips(fleet, jobs, g);
    if (idle == 0) continue;
    sum += idle;
    const FleetGeneration& of = jobs.fleet().generations[g];
    names += fmt::format("{}{} of {} {}", names.empty() ? "" : ", ", idle, of.chips, of.chip.name);
  }
  if (100 * sum > jobs.fleet().chips())
    texts.push_back(fmt::format(
        "chips that serve nobody: {}, left over by replicas within their scale-up domains; is "
        "serving.chips_per_replica right?",
        names));
}

constexpr CapabilityNote notes[] = {
    {false, note_replicas}, {false, note_what_does_not_reach}, {true, warn_of_idle_chips}};

std::vector<Parameter> parameters() {
  const auto rows = serving_parameters();
  return {rows.begin(), rows.end()};
}

}  // namespace

const Capability serving_capability{
    .name = "serving",
    .summary = "requests that the fleet serves, in the other use of the same chips",
    .parameters = parameters,
    .metrics = [] { return rows_of(serving_metrics()); },
    .extents = serving_extents,
    .columns = columns,
    .facts = facts,
    .notes = notes,
    .instead_of_training = true,
    .prepare = prepare};

}  // namespace lockstep
