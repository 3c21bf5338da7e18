#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/power/grid/spectrum.hpp"

namespace lockstep {

/// What a limit looks at.
enum class GridMeasure {
  change,  ///< largest difference of two values within a window
  ramp,    ///< largest difference of two values a window apart
  line,    ///< peak of the strongest line of the spectrum within a band
  band,    ///< peak to peak of a sine of the band's rms
};

/// One condition: a measure within bounds. Times and frequencies as the limit has them.
struct GridRule {
  GridMeasure measure;
  double watts;              ///< at most, and
  double share = 1e300;      ///< of the mean power
  double window = 0;         ///< of change and ramp [s]
  double low = 0, high = 0;  ///< of band and line [Hz]
};

/// A row of the table of limits.
struct GridLimit {
  std::string_view name, summary, status, source;
  double from = 0;  ///< mean power below which it does not apply [W]
  std::vector<GridRule> rules;
};

/// Limits of utilities, each with its source and status.
std::span<const GridLimit> grid_limits();
inline constexpr std::string_view own_limit_name = "own";
/// The user's own: within any 5 s, within any minute [W]. Without rules where neither is given.
GridLimit own_limit(std::optional<double> swing, std::optional<double> ramp);

/// A trace of the site's power and what is known of it.
class GridTrace {
 public:
  /// `trace` [W] and `spectrum` must outlive it.
  GridTrace(std::span<const double> trace, double resolution, double mean, const Spectrum& spectrum)
      : trace_(trace), resolution_(resolution), mean_(mean), spectrum_(spectrum) {}
  double length() const { return resolution_ * static_cast<double>(trace_.size()); }

  /// How many times the site's load may grow, all its chips in the same way, until the limit is
  /// met: below 1 where it is not. Infinite where nothing swings, 0 where a share of the mean is
  /// exceeded, NaN where the trace does not show it or it has no rules.
  double room(const GridLimit& limit) const;

 private:
  double room(const GridRule& rule) const;
  double measured(const GridRule& rule) const;

  std::span<const double> trace_;
  double resolution_, mean_;
  const Spectrum& spectrum_;
};

/// Values of a trace in a window, at least one.
std::size_t window_bins(double window, double resolution);

/// Whether a trace shows what a limit looks at.
bool shows(const GridLimit& limit, double length, double resolution);
/// How long one has to be to do so [s].
double length_for(const GridLimit& limit);

}  // namespace lockstep
