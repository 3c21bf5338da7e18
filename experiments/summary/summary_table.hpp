#pragma once

#include <optional>
#include <string>

#include "engine/storage/result_reader.hpp"

namespace lockstep {

/// A line per design point: mean, p50, p95, p99 of step time, MFU, waiting share; of a
/// long run goodput and interruptions, with slices what they can use; then what must be known to
/// read it. One table for each value of the axis `by` where that is given.
std::string summary_table(const ResultFile& file, const std::optional<std::string>& by = {});

}  // namespace lockstep
