#include "engine/base/elementary.hpp"

#include <array>
#include <span>

namespace lockstep::elementary {

namespace {

constexpr double euler_gamma = 0.57721566490153286061;
constexpr double two_pi = 6.28318530717958647693;
constexpr double epsilon = 0x1p-53;
// Number of shape below which the gamma density is written with lgamma, above with Stirling.
constexpr double stirling_from = 10;
constexpr double temme_from = 1000;
// |eta| up to which Temme's truncated series below hold to full precision.
constexpr double temme_reach = 0.4;

/// (zeta(k) - 1) / k from k = 2 on.
constexpr std::array<double, 28> zeta_rest = {
    0.3224670334241132,     0.0673523010531981,     0.020580808427784546,   0.007385551028673986,
    0.0028905103307415234,  0.001192753911703261,   0.0005096695247430425,  0.00022315475845357939,
    9.945751278180853e-05,  4.492623673813314e-05,  2.050721277567069e-05,  9.439488275268397e-06,
    4.374866789907488e-06,  2.039215753801366e-06,  9.55141213040742e-07,   4.492469198764566e-07,
    2.1207184805554665e-07, 1.0043224823968099e-07, 4.7698101693639804e-08, 2.2711094608943164e-08,
    1.0838659214896955e-08, 5.183475041970047e-09,  2.4836745438024785e-09, 1.1921401405860912e-09,
    5.731367241678862e-10,  2.7595228851242334e-10, 1.330476437424449e-10,  6.4229645638381e-11};

double horner(std::span<const double> coefficients, double x) {
  double sum = 0;
  for (auto c = coefficients.rbegin(); c != coefficients.rend(); ++c) sum = *c + x * sum;
  return sum;
}

/// lgamma(x) - ((x - 1/2) log x - x + log(2 pi) / 2) for x >= 10 (DLMF 5.11.1).
double stirling_rest(double x) {
  const double inverse = 1 / x;
  return inverse * detail::polynomial(inverse * inverse, 1.0 / 12, -1.0 / 360, 1.0 / 1260,
                                      -1.0 / 1680, 1.0 / 1188, -691.0 / 360360, 1.0 / 156,
                                      -3617.0 / 122400);
}

/// mu - log(1 + mu), without cancellation near 0: with s = mu / (2 + mu) it is
/// mu s - 2 (s^3/3 + s^5/5 + ...).
double excess_over_log(double mu) {
  if (mu > 0.5 || mu < -0.5) return mu - log1p(mu);
  const double s = mu / (2 + mu);
  const double z = s * s;
  double sum = 0;
  for (int k = 39; k >= 3; k -= 2) sum = z * (1.0 / k + sum);
  return s * (mu - 2 * sum);
}

/// x^a e^-x / Gamma(a + 1).
double gamma_weight(double a, double x) {
  if (a < stirling_from) return exp(a * log(x) - x - lgamma(a + 1));
  return exp(-a * excess_over_log((x - a) / a) - stirling_rest(a)) / sqrt(two_pi * a);
}

/// Temme's expansion: the tails are normal tails of eta sqrt(a) plus a correction in powers of
/// 1/a, whose coefficients are the Taylor series of DLMF 8.12.12 in eta.
GammaTails temme_tails(double a, double eta, double half_square) {
  constexpr double c0[] = {-0.3333333333333333,    0.08333333333333333,     -0.014814814814814815,
                           0.0011574074074074073,  0.0003527336860670194,   -0.0001787551440329218,
                           3.919263178522438e-05,  -2.185448510679992e-06,  -1.85406221071516e-06,
                           8.296711340953087e-07,  -1.7665952736826078e-07, 6.707853543401498e-09,
                           1.0261809784240309e-08, -4.382036018453353e-09};
  constexpr double c1[] = {
      -0.001851851851851852,   -0.003472222222222222,  0.0026455026455026454,
      -0.0009902263374485596,  0.00020576131687242798, -4.018775720164609e-07,
      -1.8098550334489977e-05, 7.64916091608111e-06,   -1.6120900894563446e-06};
  constexpr double c2[] = {0.004133597883597883, -0.0026813271604938273, 0.0007716049382716049,
                           2.0093878600823047e-06, -0.0001073665322636516};
  constexpr double c3[] = {0.0006494341563786008, 0.00022947209362139917};
  const double correction =
      horner(c0, eta) + (horner(c1, eta) + (horner(c2, eta) + horner(c3, eta) / a) / a) / a;
  const double shift = exp(-a * half_square) / sqrt(two_pi * a) * correction;
  const double z = eta * sqrt(a);
  return {normal_cdf(z) - shift, normal_cdf(-z) + shift};
}

/// Power series of P; all terms positive. About sqrt(a) terms for x below a + 1.
GammaTails series_tails(double a, double x) {
  double term = 1;
  double sum = 1;
  for (double n = a + 1; term > epsilon * sum; n += 1) {
    term *= x / n;
    sum += term;
  }
  const double lower = gamma_weight(a, x) * sum;
  return {lower, 1 - lower};
}

/// Continued fraction of Q by the modified Lentz method.
GammaTails fraction_tails(double a, double x) {
  double b = x + 1 - a;
  double c = 1 / 0x1p-1000;
  double d = 1 / b;
  double h = d;
  double step = 0;
  for (double n = 1; step < 1 - 2 * epsilon || step > 1 + 2 * epsilon; n += 1) {
    const double numerator = n * (a - n);
    b += 2;
    d = 1 / (numerator * d + b);
    c = b + numerator / c;
    step = c * d;
    h *= step;
  }
  const double upper = gamma_weight(a, x) * a * h;
  return {1 - upper, upper};
}

}  // namespace

double lgamma_curvature(double x) {
  return x * x * horner(zeta_rest, -x);
}

double lgamma(double x) {
  if (!(x > 0)) return x == 0 ? detail::infinity : detail::not_a_number;
  if (x >= stirling_from) {
    if (x > 1e305) return detail::infinity;
    // (x - 1/2) (log x - 1) rather than the textbook sum: its terms share their sign.
    return (x - 0.5) * (log(x) - 1) + (0.41893853320467274178 + stirling_rest(x));
  }
  if (x >= 2.5) {
    // Downwards, where the terms of the sum share their sign.
    double product = 1;
    while (x >= 2.5) product *= x -= 1;
    return lgamma(x) + log(product);
  }
  if (x >= 1.5) return (1 - euler_gamma) * (x - 2) + lgamma_curvature(x - 2);
  if (x >= 0.5) return (1 - euler_gamma) * (x - 1) + lgamma_curvature(x - 1) - log(x);
  return (1 - euler_gamma) * x + lgamma_curvature(x) - log1p(x) - log(x);
}

double normal_cdf(double x) {
  if (x != x) return x;
  const GammaTails tails = gamma_tails(0.5, 0.5 * x * x);
  return x < 0 ? 0.5 * tails.upper : 0.5 + 0.5 * tails.lower;
}

GammaTails gamma_tails(double a, double x) {
  if (!(x > 0)) return x <= 0 ? GammaTails{0, 1} : GammaTails{x, x};
  if (!(x < detail::infinity)) return {1, 0};
  if (a > temme_from) {
    const double mu = (x - a) / a;
    const double half_square = excess_over_log(mu);
    if (half_square < 0.5 * temme_reach * temme_reach) {
      const double eta = sqrt(2 * half_square);
      return temme_tails(a, mu < 0 ? -eta : eta, half_square);
    }
  }
  return x < a + 1 ? series_tails(a, x) : fraction_tails(a, x);
}

double gamma_p(double a, double x) {
  return gamma_tails(a, x).lower;
}

double gamma_p_inverse(double a, double p) {
  if (!(p > 0)) return p == 0 ? 0.0 : detail::not_a_number;
  if (!(p < 1)) return p == 1 ? detail::infinity : detail::not_a_number;
  // Where x is tiny, P = x^a / Gamma(a + 1) to the last bit.
  const double log_small = (log(p) + lgamma(a + 1)) / a;
  if (log_small < -40) return exp(log_small);

  const bool lower = p <= 0.5;
  const double target = lower ? log(p) : log1p(-p);
  // Wilson and Hilferty's normal approximation (1931). Where it fails, a point from which Newton's
  // method cannot overshoot: left of the root below the median, right of it above, since a gamma
  // variable of shape below 1 is stochastically less than an exponential one.
  double x = lower ? exp(log_small) : -target;
  const double cube = 1 - 1 / (9 * a) + normal_quantile(p) / (3 * sqrt(a));
  if (a >= 1 && cube > 0) x = a * cube * cube * cube;
  constexpr int most_steps = 60;
  for (int i = 0; i < most_steps; ++i) {
    const GammaTails tails = gamma_tails(a, x);
    const double tail = lower ? tails.lower : tails.upper;
    // d log(tail) / d log x = +- x density(x) / tail.
    const double slope = gamma_weight(a, x) * a / tail;
    const double step = (lower ? target - log(tail) : log(tail) - target) / slope;
    x *= exp(step);
    if (step < 4 * epsilon && step > -4 * epsilon) break;
  }
  return x;
}

}  // namespace lockstep::elementary
