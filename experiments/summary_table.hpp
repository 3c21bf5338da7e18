#pragma once

#include <string>

#include "engine/storage/result_reader.hpp"

namespace lockstep {

/// A line per design point: mean, p50, p95, p99 of step time, MFU, waiting share; of a
/// long run goodput and interruptions, with slices what they can use.
std::string summary_table(const ResultFile& file);

}  // namespace lockstep
