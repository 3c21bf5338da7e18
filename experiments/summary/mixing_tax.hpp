#pragma once

#include <cstdint>
#include <vector>

#include "engine/storage/result_reader.hpp"

namespace lockstep {

/// Whether the study has mixed fleets beside fleets of each of their generations alone.
bool has_mixing_tax(const ResultSchema& schema);

/// Share of the tokens a second that the generations of a design point's mixed fleet would reach,
/// each chip as in the fleet of its generation alone (the one nearest in size), but that the mix
/// does not: a value a trial. Other axes being equal, trials are paired; a balanced or isolated job
/// is held against the generations' equal shares. Tokens follow from MFU: isolated jobs have no
/// common step. NaN at a point without a mix, or whose generations do not all stand alone.
std::vector<double> mixing_tax(const ResultFile& file, std::int64_t point);

}  // namespace lockstep
