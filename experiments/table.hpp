#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/run/result.hpp"
#include "engine/statistics/estimate.hpp"

namespace lockstep {

/// Rows of cells as text, columns two spaces apart; the first row is the head. Columns whose every
/// cell below the head is a number (with an interval, "-" where there is none) are set right.
std::string format_table(const std::vector<std::vector<std::string>>& rows);

/// The same in one table for each value of the column headed `by`, without it, under a line "BY =
/// VALUE"; values in the order of their first row.
std::string format_blocks(const std::vector<std::vector<std::string>>& rows, const std::string& by);

/// Four significant digits: "0.9786", "1024", "3.200e-08"; "-" for NaN.
std::string format_value(double value);

/// A share as a percentage of two decimals, without the sign: "37.34"; "-" for NaN.
std::string format_percent(double share);

/// Four significant digits in the fitting unit: "12.66 GB", "240 B".
std::string format_bytes(double bytes);

/// "0.9786 ± 0.0067": two significant digits of the half width, the value to the same place.
/// A NaN half width leaves the value alone.
std::string format_interval(double value, double half_width);

/// "0.9786 ± 0.0067" with the farther limit; "701.3 (508.1 to 4063)" where the limits lie unevenly,
/// or ± would reach beyond 0 and they do not; "> 7.851" or "< 7.851" where trials are too few for
/// the other limit; where they are for both, a mean alone, "-" in place of a quantile.
std::string format_estimate(const Estimate& estimate, bool of_mean = true);

/// Whether the trials are enough for both limits.
bool is_bounded(const Estimate& estimate);

/// A quantile alone where it is bounded, else as format_estimate has it.
std::string format_bounded(const Estimate& quantile);

/// The labels of a design point, one per axis.
std::vector<std::string> labels_of(const std::vector<Axis>& axes, std::int64_t point);

}  // namespace lockstep
