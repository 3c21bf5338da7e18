#include "engine/power/grid/spectrum.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <complex>
#include <utility>

#include "engine/base/elementary.hpp"

namespace lockstep {
namespace {

using Complex = std::complex<double>;

/// Written out: the library's product looks for infinities.
Complex times(Complex a, Complex b) {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}

/// exp(-2 pi i k / n), k < n / 2.
std::vector<Complex> turns_of(std::size_t n) {
  std::vector<Complex> turns(n / 2);
  for (std::size_t k = 0; k < n / 2; ++k) {
    const double u = static_cast<double>(k) / static_cast<double>(n);
    turns[k] = {elementary::cos_two_pi(u), -elementary::sin_two_pi(u)};
  }
  return turns;
}

/// In place, of a power of two values; `turns` of so many times `stride`. Cooley and Tukey (Math.
/// Comp. 19, 1965), radix 2.
void transform(std::vector<Complex>& x, const std::vector<Complex>& turns, std::size_t stride) {
  const std::size_t n = x.size();
  for (std::size_t i = 1, j = 0; i < n; ++i) {
    std::size_t bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) std::swap(x[i], x[j]);
  }
  for (std::size_t half = 1; half < n; half *= 2) {
    const std::size_t step = stride * (n / (2 * half));
    for (std::size_t first = 0; first < n; first += 2 * half)
      for (std::size_t k = 0; k < half; ++k) {
        const Complex b = times(x[first + k + half], turns[k * step]);
        x[first + k + half] = x[first + k] - b;
        x[first + k] += b;
      }
  }
}

}  // namespace

Spectrum::Spectrum(std::span<const double> trace, double resolution) {
  const std::size_t count = trace.size(), n = std::bit_ceil(std::max<std::size_t>(count, 4));
  double mean = 0;
  for (const double watts : trace) mean += watts;
  mean /= static_cast<double>(count);
  // Even values are real parts, odd ones imaginary: one transform of half the length.
  std::vector<Complex> x(n / 2);
  double weights = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double u = (static_cast<double>(i) + 0.5) / static_cast<double>(count);
    const double weight = 0.5 - 0.5 * elementary::cos_two_pi(u);
    const double value = weight * (trace[i] - mean);
    weights += weight * weight;
    x[i / 2] += i % 2 ? Complex{0, value} : Complex{value, 0};
  }
  const std::vector<Complex> turns = turns_of(n);
  transform(x, turns, 2);
  spacing_ = 1 / (static_cast<double>(n) * resolution);
  lobe_ = line_width * static_cast<double>(n) / static_cast<double>(count);
  const std::size_t half = n / 2;
  density_.resize(half);
  for (std::size_t k = 0; k < half; ++k) {
    const Complex a = x[k], b = std::conj(x[(half - k) % half]);
    const Complex even = 0.5 * (a + b), odd = times({0, -0.5}, a - b);
    const Complex value = even + times(turns[k], odd);
    const double sides = k == 0 ? 1 : 2;
    density_[k] =
        sides * (value.real() * value.real() + value.imag() * value.imag()) * resolution / weights;
  }
}

/// Of [first, last] in spacings, each value standing for half a spacing to both sides.
double Spectrum::energy(double first, double last) const {
  const double end = static_cast<double>(density_.size()) - 0.5;
  first = std::clamp(first, -0.5, end);
  last = std::clamp(last, first, end);
  double sum = 0;
  for (auto k = static_cast<std::size_t>(first + 0.5);
       k < density_.size() && static_cast<double>(k) - 0.5 < last; ++k) {
    const double center = static_cast<double>(k);
    sum += density_[k] * (std::min(last, center + 0.5) - std::max(first, center - 0.5));
  }
  return sum * spacing_;
}

double Spectrum::rms(double low, double high) const {
  return elementary::sqrt(energy(low / spacing_, high / spacing_));
}

Spectrum::Line Spectrum::largest_line(double low, double high) const {
  std::vector<double> until{0};  // sums, in spacings
  for (const double value : density_) until.push_back(until.back() + value);
  if (!(until.back() > 0)) return {};
  const auto half = static_cast<std::size_t>(lobe_ + 0.5);
  double most = 0;
  std::size_t at = 0;
  const auto begin_of = [&](std::size_t k) { return k > half ? k - half : 0; };
  const auto end_of = [&](std::size_t k) { return std::min(k + half + 1, density_.size()); };
  constexpr double rounding = 1e-9;
  for (std::size_t k = 0; k < density_.size(); ++k) {
    const double frequency = static_cast<double>(k) * spacing_;
    if (frequency < low * (1 - rounding) || frequency > high * (1 + rounding)) continue;
    if (const double sum = until[end_of(k)] - until[begin_of(k)]; sum > most) {
      most = sum;
      at = k;
    }
  }
  if (!(most > 0)) return {};
  double moment = 0;
  for (std::size_t k = begin_of(at); k < end_of(at); ++k)
    moment += static_cast<double>(k) * density_[k];
  return {moment / most * spacing_, elementary::sqrt(most * spacing_), most / until.back()};
}

bool Spectrum::shows(double low, double high, double length, double resolution) {
  return length * low >= periods * (1 - 1e-9) && 2 * high * resolution <= 1 + 1e-9;
}

}  // namespace lockstep
