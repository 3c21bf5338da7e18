#include "engine/money/money.hpp"

#include <algorithm>
#include <limits>
#include <string_view>

#include "engine/base/field.hpp"

namespace lockstep {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();
constexpr double most = 1e9;  // USD of a chip, an hour or a million tokens

const std::vector<Field<Money>>& fields() {
  static const std::vector<Field<Money>> all{
      {{&Money::counts, {false, true}},
       {.key = "money.count",
        .number = 500,
        .type = ValueType::choice,
        .default_text = "off",
        .words = {"off", "on"},
        .shapes_arrays = true,
        .summary = "counts what the fleet costs and earns in US dollars: leased, and selling the "
                   "tokens of serving.load; electricity needs power.meter, or is serving's",
        .source = "off"}},
      {&Money::electricity,
       {.key = "money.electricity",
        .number = 501,
        .default_text = "0.06",
        .maximum = most,
        .needs = {"money.count"},
        .summary = "price of electricity at the site's meter, $ a kWh",
        .source = "assumption, range 0.04-0.09"}},
      {&Money::input_price,
       {.key = "money.input_price",
        .number = 502,
        .default_text = "0.1",
        .maximum = most,
        .needs = {"money.count"},
        .summary = "of a million tokens of the prompts of completed requests, $",
        .source = "Llama 3.3 70B, hosted, 2026; DeepSeek V3.2 0.28"}},
      {&Money::output_price,
       {.key = "money.output_price",
        .number = 503,
        .default_text = "0.32",
        .maximum = most,
        .needs = {"money.count"},
        .summary = "of a million tokens that are made, $",
        .source = "Llama 3.3 70B, hosted, 2026; DeepSeek V3.2 0.42"}},
      {&Money::life,
       {.key = "money.life",
        .number = 504,
        .dimension = Dimension::time,
        .default_text = "1825d",
        .minimum_is_legal = false,
        .needs = {"money.count"},
        .summary = "over which chip.NAME.capex is paid back evenly, with money.interest",
        .source = "assumption: 5 years, range 4-6"}},
      {&Money::interest,
       {.key = "money.interest",
        .number = 507,
        .default_text = "0",
        .maximum = 10,
        .needs = {"money.count"},
        .summary = "on what is not paid back yet, a share a year: 0.1 is 10 %",
        .source = "none: what capital costs is not published for these fleets"}},
      {&Money::availability,
       {.key = "money.availability",
        .number = 505,
        .default_text = "1",
        .maximum = 1,
        .needs = {"money.count"},
        .summary = "share of time in which the fleet earns, or trains; it costs all the time",
        .source = "assumption, range 0.9-1; 1: what failures take is serving's or the tenant's"}},
      {&Money::occupancy,
       {.key = "money.occupancy",
        .number = 506,
        .default_text = "1",
        .maximum = 1,
        .needs = {"money.count"},
        .summary = "share of these chip-hours that are leased; tokens go with serving.load",
        .source = "assumption, range 0.6-1; 1: one tenant leases all"}},
  };
  return all;
}

const std::vector<Field<GenerationPrices>>& price_fields() {
  static const std::vector<Field<GenerationPrices>> all{
      {&GenerationPrices::rent,
       {.key = "chip.*.rent",
        .number = 117,
        .maximum = most,
        .needs = {"money.count"},
        .summary = "what one chip is leased for, $ an hour; H100 2.35, H200 2.9, B200 5.3, GB200 "
                   "4.54, others have to be given",
        .source = "listings and indices, October 2025 to May 2026: H100 1.47-6.9, a year's lease "
                  "2.35; H200 2-4; B200 4.5-6; GB200 3-6: the last three are weak"}},
      {&GenerationPrices::capex,
       {.key = "chip.*.capex",
        .number = 118,
        .maximum = most,
        .needs = {"money.count"},
        .summary = "what one chip costs with its server and network, $; H100 and H200 31,000, "
                   "GB200 54,000, others have to be given",
        .source = "SemiAnalysis, 2025: a server of 8 H100 250 k$, a rack of 72 GB200 3.9 M$, all "
                  "in; H200 as H100, whose cost an hour is the same (NVIDIA): assumption"}},
  };
  return all;
}

struct KnownPrices {
  std::string_view chip;
  GenerationPrices prices;
};

constexpr KnownPrices known[] = {
    {"H100", {2.35, 31e3}},
    {"H200", {2.9, 31e3}},
    {"B200", {5.3, none}},
    {"GB200", {4.54, 54e3}},
};

}  // namespace

std::span<const Parameter> money_parameters() {
  static const std::vector<Parameter> rows = [] {
    std::vector<Parameter> all = rows_of(fields());
    for (const Parameter& row : rows_of(price_fields())) all.push_back(row);
    return all;
  }();
  return rows;
}

Money money_from(const Values& values, const Fleet& fleet) {
  Money money = read_fields(fields(), values);
  for (const FleetGeneration& generation : fleet.generations) {
    const std::string& name = generation.chip.name;
    const auto* row = std::ranges::find(known, std::string_view(name), &KnownPrices::chip);
    GenerationPrices prices = row != std::end(known) ? row->prices : GenerationPrices{none, none};
    read_section(price_fields(), values, name, prices);
    money.prices.push_back(prices);
  }
  return money;
}

}  // namespace lockstep
