#pragma once

#include <cmath>
#include <span>
#include <vector>

namespace lockstep {

/// The spectrum of a trace: its mean removed, Hann's window, the discrete Fourier transform padded
/// to a power of two. Sines and cosines are the model's own, so that every machine gives the same
/// bits. Cost: O(n log n).
class Spectrum {
 public:
  /// `trace` [W], a value every `resolution` [s].
  Spectrum(std::span<const double> trace, double resolution);

  /// Root mean square of what lies within the band [W]; bands that meet add up in squares.
  double rms(double low, double high) const;
  /// The strongest line with its middle from `low` to `high` [Hz]: where most energy lies within
  /// line_width / length of the trace to both sides, Hann's main lobe and first side lobe.
  struct Line {
    double frequency = 0;  ///< its energy's mean [Hz]
    double rms = 0;        ///< [W]
    double share = 0;      ///< of all energy but the mean's; 0 where there is none
  };
  Line largest_line(double low = 0, double high = HUGE_VAL) const;
  /// Spectral density at multiples of spacing() [W^2/Hz], one-sided.
  std::span<const double> density() const { return density_; }
  double spacing() const { return spacing_; }

  /// Whether a trace shows the band: three periods of its lowest frequency, two values of its
  /// highest.
  static bool shows(double low, double high, double length, double resolution);
  static constexpr double periods = 3;
  static constexpr double line_width = 3;

 private:
  double energy(double first, double last) const;

  double spacing_ = 0;  // [Hz]
  double lobe_ = 0;     // line_width, in spacings
  std::vector<double> density_;
};

}  // namespace lockstep
