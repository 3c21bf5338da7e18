#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/power/power_metrics.hpp"

namespace lockstep {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

}  // namespace

PowerCourse::PowerCourse(const Power& power) {
  const double bins = std::max(1.0, std::floor(power.trace_time / power.resolution * (1 + 1e-12)));
  const double together = std::ceil(bins / static_cast<double>(most_values));
  spacing = together * power.resolution;
  values = static_cast<std::size_t>(std::max(1.0, std::floor(bins / together)));
}

double PowerCourse::frequency(std::size_t band) {
  // A decade of bands, rounded as they are written.
  static constexpr double steps[] = {1,     1.122, 1.259, 1.413, 1.585, 1.778, 1.995,
                                     2.239, 2.512, 2.818, 3.162, 3.548, 3.981, 4.467,
                                     5.012, 5.623, 6.310, 7.079, 7.943, 8.913};
  static constexpr double decades[] = {0.01, 0.1, 1, 10, 100};
  return decades[band / std::size(steps)] * steps[band % std::size(steps)];
}

std::vector<double> PowerCourse::trace(std::span<const double> watts, double resolution) const {
  const auto together = static_cast<std::size_t>(spacing / resolution + 0.5);
  std::vector<double> kept(values, none);
  for (std::size_t v = 0; v < values && (v + 1) * together <= watts.size(); ++v) {
    double sum = 0;
    for (const double one : watts.subspan(v * together, together)) sum += one;
    kept[v] = sum / static_cast<double>(together);
  }
  return kept;
}

std::vector<double> PowerCourse::spectrum(std::span<const double> watts, double resolution,
                                          const Spectrum& spectrum) {
  const double length = static_cast<double>(watts.size()) * resolution;
  std::vector<double> kept;
  for (std::size_t b = 0; b < bands; ++b) {
    const double low = frequency(b), high = frequency(b + 1);
    kept.push_back(Spectrum::shows(low, high, length, resolution) ? spectrum.rms(low, high) : none);
  }
  return kept;
}

std::vector<Extent> power_course_extents(const Values& values) {
  const Power power = power_from(values);
  if (power.traces == 0) return {};
  const PowerCourse course(power);
  std::vector<std::string> times, frequencies;
  for (std::size_t v = 0; v < course.values; ++v)
    times.push_back(fmt::format("{:.6g}", static_cast<double>(v) * course.spacing));
  for (std::size_t b = 0; b < PowerCourse::bands; ++b)
    frequencies.push_back(fmt::format("{:.4g}", PowerCourse::frequency(b)));
  return {{"time", times, "begin of a value of power_trace, since the trace's [s]"},
          {"frequency", frequencies, "lower end of a band of power_spectrum [Hz]"}};
}

}  // namespace lockstep
