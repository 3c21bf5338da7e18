#pragma once

#include <span>
#include <vector>

#include "engine/base/parameter.hpp"
#include "engine/machine/fleet.hpp"

namespace lockstep {

/// Of one generation; NaN where none is known.
struct GenerationPrices {
  double rent;   ///< [USD per chip-hour]
  double capex;  ///< all in [USD per chip]
  bool operator==(const GenerationPrices&) const = default;
};

/// What a fleet costs and earns. A dollar is a bare number: no formula of the model turns one into
/// anything else, and the few units that prices come in stand in their rows.
struct Money {
  bool counts = false;
  double electricity = 0;                ///< [USD per kWh]
  double input_price = 0;                ///< [USD per million tokens]
  double output_price = 0;               ///< [USD per million tokens]
  double life = 0;                       ///< [s]
  double interest = 0;                   ///< share a year
  double availability = 0;               ///< share of time
  double occupancy = 0;                  ///< share of the chip-hours that are there
  std::vector<GenerationPrices> prices;  ///< (generations)
  bool operator==(const Money&) const = default;
};

std::span<const Parameter> money_parameters();
Money money_from(const Values& values, const Fleet& fleet);

}  // namespace lockstep
