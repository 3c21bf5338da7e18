#include <fmt/format.h>

#include "engine/money/counted_fleet.hpp"
#include "engine/training/jobs.hpp"

namespace lockstep {
namespace {

std::unique_ptr<const PreparedCapability> prepare(const Jobs& jobs) {
  if (!money_from(jobs.values(), jobs.fleet()).counts) return nullptr;
  return std::make_unique<CountedFleet>(jobs);
}

// The first period is a year.
constexpr SummaryColumn columns[] = {
    {"capital", "M$/y", "capital_cost", 1e-6},
    {"rent", "M$/y", "rent_revenue", 1e-6},
    {"training electricity", "M$/y", "electricity_cost", 1e-6},
    {"rent margin", "M$/y", "rent_margin", 1e-6, "", Aim::more},
    {"tokens", "M$/y", "token_revenue", 1e-6},
    {"serving electricity", "M$/y", "serving_electricity_cost", 1e-6},
    {"token margin", "M$/y", "token_margin", 1e-6, "", Aim::more}};

const CountedFleet& fleet_of(const PreparedCapability& capability) {
  return static_cast<const CountedFleet&>(capability);
}

constexpr CapabilityFact facts[] = {
    {"rent $/y", "what a year's lease of the fleet earns",
     [](const PreparedCapability& c) { return fmt::format("{:.4g}", fleet_of(c).rent()); }},
    {"capital $/y", "a year's part of what its chips cost",
     [](const PreparedCapability& c) { return fmt::format("{:.4g}", fleet_of(c).capital()); }},
};

/// What it cannot tell, and what would.
void note_unknown(const PreparedCapability&, const Jobs& jobs, std::vector<std::string>& texts) {
  if (jobs.values().text("power.meter") == "off")
    texts.emplace_back(
        "money.count: electricity_cost, rent_margin and training_cost are none, since no power of "
        "training is metered; set power.meter = on.");
}

constexpr CapabilityNote notes[] = {{true, note_unknown}};

}  // namespace

const Capability money_capability{
    .name = "money",
    .summary = "what the fleet costs and earns, leased or selling tokens",
    .parameters =
        [] {
          const auto rows = money_parameters();
          return std::vector<Parameter>(rows.begin(), rows.end());
        },
    .metrics = [] { return rows_of(money_metrics()); },
    .extents = money_extents,
    .columns = columns,
    .facts = facts,
    .notes = notes,
    .prepare = prepare};

}  // namespace lockstep
