#include "engine/reliability/schedulable_share.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/base/error.hpp"
#include "engine/base/field.hpp"
#include "engine/training/jobs.hpp"

namespace lockstep {
namespace {

/// (slots) random identity of the host of the chip in each.
std::vector<std::uint64_t> host_identities(const Fleet& fleet, std::uint64_t seed) {
  const std::vector<std::vector<std::uint32_t>> numbers = node_numbers(fleet);
  const Placement placement = place(fleet, seed);
  std::vector<std::uint64_t> identities;
  for (std::size_t slot = 0; slot < placement.index.size(); ++slot) {
    const std::uint8_t generation = placement.generation[slot];
    identities.push_back(static_cast<std::uint64_t>(fleet.generations[generation].identity) << 32 |
                         numbers[generation][placement.index[slot]]);
  }
  return identities;
}

/// What is asked: nothing, or both.
struct Question {
  std::optional<double> availability;
  std::optional<std::int64_t> slice_chips;
};

const std::vector<Field<Question>>& fields() {
  static const std::vector<Field<Question>> all{
      {&Question::availability,
       {.key = "reliability.host_availability",
        .number = 190,
        .default_text = "none",
        .maximum = 1,
        .words = {"none"},
        .summary = "probability that a node of the fleet is up, for slice_chips; steps and a long "
                   "run do not know of it",
        .source = "off; 99.0 to 99.9 % in Jouppi et al., TPU v4 (arXiv 2304.01433)"}},
      {&Question::slice_chips,
       {.key = "reliability.slice_chips",
        .number = 191,
        .type = ValueType::count,
        .default_text = "none",
        .minimum = 1,
        .maximum = 16777216,
        .words = {"none"},
        .shapes_arrays = true,
        .summary = "chips of each of the slices that the hosts that are up are cut into, as the "
                   "topology allows: schedulable_share; on a torus whole cubes of 64 chips",
        .source = "off"}},
  };
  return all;
}

std::vector<Parameter> parameters() {
  return rows_of(fields());
}

std::vector<Metric> metrics() {
  return {{.variable = {"schedulable_share",
                        {},
                        "1",
                        "chips of the most slices that healthy hosts make, over all chips of the "
                        "fleet"},
           .support = Support::share()}};
}

/// Throws InputError where one of the two is given alone.
Question question_of(const Values& values) {
  const Question question = read_fields(fields(), values);
  if (question.availability && !question.slice_chips)
    throw InputError(
        "reliability.host_availability is given alone (it says which hosts are up, not what is to "
        "run on them) give reliability.slice_chips too");
  if (question.slice_chips && !question.availability)
    throw InputError(
        "reliability.slice_chips is given alone (it says what is to run, not which hosts are up) "
        "give reliability.host_availability too");
  return question;
}

std::unique_ptr<const PreparedCapability> prepare(const Jobs& jobs) {
  if (!question_of(jobs.values()).slice_chips) return nullptr;
  return std::make_unique<SchedulableShare>(jobs.scenario(), jobs.values());
}

const SchedulableShare& share(const PreparedCapability& capability) {
  return static_cast<const SchedulableShare&>(capability);
}

constexpr SummaryColumn columns[] = {{"schedulable", "%", "schedulable_share", 100}};
constexpr CapabilityFact facts[] = {
    {"healthy %", "chips that slices can be made of, % expected",
     [](const PreparedCapability& c) {
       return fmt::format("{:.4g}", 100 * share(c).expected_healthy_share());
     }},
    {"slice", "a slice", [](const PreparedCapability& c) { return share(c).slices().text(); }},
};

}  // namespace

SchedulableShare::SchedulableShare(const Scenario& scenario, const Values& values)
    : availability_(question_of(values).availability.value()),
      slice_chips_(question_of(values).slice_chips.value()),
      machine_chips_(static_cast<double>(scenario.fleet.chips())),
      stream_{scenario.seed, purpose::host_state} {
  const std::int64_t chips = scenario.fleet.chips();
  if (slice_chips_ > chips)
    throw InputError(
        fmt::format("reliability.slice_chips = {} (the machine has {} chips) take at most {}, or a "
                    "larger fleet",
                    slice_chips_, chips, chips));
  slices_ = scenario.topology->slices({chips, slice_chips_, values});
  const std::vector<std::uint64_t> identities = host_identities(scenario.fleet, scenario.seed);
  hosts_ = identities;
  std::sort(hosts_.begin(), hosts_.end());
  hosts_.erase(std::unique(hosts_.begin(), hosts_.end()), hosts_.end());
  const auto unit = static_cast<std::size_t>(slices_->unit_chips());
  for (std::size_t first = 0; first + unit <= identities.size(); first += unit) {
    std::vector<std::int32_t> hosts;
    for (std::size_t slot = first; slot < first + unit; ++slot) {
      const auto host = std::lower_bound(hosts_.begin(), hosts_.end(), identities[slot]);
      hosts.push_back(static_cast<std::int32_t>(host - hosts_.begin()));
    }
    std::sort(hosts.begin(), hosts.end());
    hosts.erase(std::unique(hosts.begin(), hosts.end()), hosts.end());
    hosts_of_unit_.insert(hosts_of_unit_.end(), hosts.begin(), hosts.end());
    end_of_unit_.push_back(static_cast<std::int32_t>(hosts_of_unit_.size()));
  }
}

double SchedulableShare::of_trial(std::uint32_t trial) const {
  Stream stream = stream_;
  stream.trial = trial;
  std::vector<std::uint8_t> up;
  up.reserve(hosts_.size());
  for (const std::uint64_t host : hosts_)
    up.push_back(stream.uniform(host, 0) < availability_ ? 1 : 0);
  std::vector<std::uint8_t> healthy;
  healthy.reserve(end_of_unit_.size());
  std::size_t at = 0;
  for (const std::int32_t end : end_of_unit_) {
    std::uint8_t all_up = 1;
    for (; at < static_cast<std::size_t>(end); ++at)
      all_up &= up[static_cast<std::size_t>(hosts_of_unit_[at])];
    healthy.push_back(all_up);
  }
  return static_cast<double>(slices_->most(healthy) * slice_chips_) / machine_chips_;
}

double SchedulableShare::expected_healthy_share() const {
  double units = 0;
  std::int32_t begin = 0;
  for (const std::int32_t end : end_of_unit_) {
    units += std::pow(availability_, end - begin);
    begin = end;
  }
  return units * static_cast<double>(slices_->unit_chips()) / machine_chips_;
}

MetricValues SchedulableShare::run_trial(const TrainedTrial& trial) const {
  return {{of_trial(trial.number)}};
}

std::string SchedulableShare::choice() const {
  return "slices: " + slices_->text();
}

const Capability schedulable_share_capability{
    .name = "schedulable share",
    .summary = "what slices can use of a machine with hosts down",
    .parameters = parameters,
    .metrics = metrics,
    .extents = [] { return std::vector<Extent>(); },
    .columns = columns,
    .facts = facts,
    .notes = {},
    .prepare = prepare};

}  // namespace lockstep
