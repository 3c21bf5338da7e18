#pragma once

#include <bit>
#include <cstdint>

/// Elementary functions made of IEEE + - * / sqrt, bit operations and integers only, so that they
/// give the same bits on every instruction set, in vector lanes or alone, with any libm. The
/// inline ones are free of branches and calls: a loop over them under `#pragma omp simd`
/// vectorizes from SSE2 on. Nothing here may be compiled with contraction or fast math.
///
/// Error bounds are in units in the last place (ulp) of the result, over the named range, checked
/// against extended precision by tests/unit/elementary_test.cpp.
namespace lockstep::elementary {

namespace detail {

[[gnu::always_inline]] inline double polynomial(double, double c) {
  return c;
}

/// c + x (rest...), by Horner.
template <class... Rest>
[[gnu::always_inline]] inline double polynomial(double x, double c, Rest... rest) {
  return c + x * polynomial(x, rest...);
}

// ln 2 in two parts; the first has 33 bits, so that k * high is exact for |k| < 2^20 (fdlibm).
constexpr double ln2_high = 6.93147180369123816490e-01;
constexpr double ln2_low = 1.90821492927058770002e-10;
// Adding 1.5 * 2^52 rounds to an integer and leaves it in the low bits: an int64 cast would not
// vectorize below AVX-512.
constexpr double to_integer = 0x1.8p52;
constexpr double infinity = __builtin_inf();
constexpr double not_a_number = __builtin_nan("");

/// 2^k for an integer -1022 <= k <= 1023.
[[gnu::always_inline]] inline double power_of_two(double k) {
  return std::bit_cast<double>((std::bit_cast<std::uint64_t>(k + to_integer) + 1023) << 52);
}

/// x without its last 27 bits: products of two such are exact.
[[gnu::always_inline]] inline double leading_bits(double x) {
  return std::bit_cast<double>(std::bit_cast<std::uint64_t>(x) & 0xFFFFFFFFF8000000u);
}

struct Scaled {
  double exponent;
  double fraction;
};

/// x = 2^exponent * fraction, sqrt(1/2) <= fraction < sqrt(2), for finite x > 0 (also subnormal).
[[gnu::always_inline]] inline Scaled split(double x) {
  const bool subnormal = x < 0x1p-1022;
  const std::uint64_t bits = std::bit_cast<std::uint64_t>(subnormal ? x * 0x1p54 : x);
  const std::uint64_t above = bits - 0x3FE6A09E667F3BCDu;  // of sqrt(1/2)
  // 2^63 is added before the logical shift because SSE2 and AVX2 have no arithmetic one.
  const double biased =
      std::bit_cast<double>(((above + 0x8000000000000000u) >> 52) | 0x4330000000000000u);
  return {biased - (subnormal ? 0x1p52 + 2102 : 0x1p52 + 2048),
          std::bit_cast<double>(bits - (above & 0xFFF0000000000000u))};
}

/// (2 atanh(s) - 2 s) / s at z = s^2, |s| < 0.1716, error below 2^-58.4; coefficients of fdlibm's
/// e_log.c (Sun Microsystems, 1993).
[[gnu::always_inline]] inline double log_tail(double z) {
  return z * polynomial(z, 6.666666666666735130e-01, 3.999999999940941908e-01,
                        2.857142874366239149e-01, 2.222219843214978396e-01,
                        1.818357216161805012e-01, 1.531383769920937332e-01,
                        1.479819860511658591e-01);
}

/// log(2^k (1 + f)) + low, |f| < 0.4143.
[[gnu::always_inline]] inline double log_parts(double k, double f, double low) {
  const double half_square = 0.5 * f * f;
  const double s = f / (2 + f);
  const double rest = s * (half_square + log_tail(s * s)) + (k * ln2_low + low);
  return k * ln2_high - ((half_square - rest) - f);
}

struct Exponential {
  double k;
  double minus_one;  ///< exp(x + low) = 2^k (1 + minus_one), |minus_one| < 0.415
};

/// Near-minimax polynomial (error below 0.003 ulp) on the remainder of x after k ln 2.
[[gnu::always_inline]] inline Exponential exp_parts(double x, double low) {
  const double k = (x * 1.44269504088896340736 + to_integer) - to_integer;
  const double high = x - k * ln2_high;
  const double rest = k * ln2_low - low;
  const double r = high - rest;
  const double rounding = (high - r) - rest;
  const double p = polynomial(r, 0.5, 0.1666666666666667, 0.04166666666666667, 0.008333333333326136,
                              0.0013888888888883748, 0.00019841269874820627, 2.4801587325547743e-05,
                              2.7557255400206422e-06, 2.75572736431103e-07, 2.5105217004720745e-08,
                              2.0914686968086876e-09);
  return {k, r + (r * r * p + rounding)};
}

/// exp(x + low) for |low| < 2^-40. The factor 2^k is applied in halves, so that it neither
/// overflows nor rounds a subnormal result twice.
[[gnu::always_inline]] inline double exp_sum(double x, double low) {
  const Exponential e = exp_parts(x, low);
  const double half = (e.k * 0.5 + to_integer) - to_integer;
  const double result = (1 + e.minus_one) * power_of_two(half) * power_of_two(e.k - half);
  const double bounded = x > 709.782712893384 ? infinity : result;
  return x < -745.1332191019412 ? 0.0 : bounded;
}

struct Turn {
  double sine;
  double cosine;
  std::uint64_t quarter;  ///< its two low bits count quarter turns
};

/// Sine and cosine of the rest of u after quarter turns; near-minimax on [-pi/4, pi/4].
[[gnu::always_inline]] inline Turn turn_parts(double u) {
  const double rounded = 4 * u + to_integer;
  const double x = (u - 0.25 * (rounded - to_integer)) * 6.28318530717958647693;
  const double z = x * x;
  const double sine =
      x + x * z *
              polynomial(z, -0.16666666666666666, 0.008333333333330948, -0.00019841269836756774,
                         2.7557316101617874e-06, -2.505113165023518e-08, 1.5918115263265974e-10);
  const double half = 0.5 * z;
  const double head = 1 - half;
  const double tail =
      z * z *
      polynomial(z, 0.041666666666666664, -0.0013888888888887398, 2.480158729876456e-05,
                 -2.7557317271145144e-07, 2.087614614655861e-09, -1.1382623647474604e-11);
  return {sine, head + (((1 - head) - half) + tail), std::bit_cast<std::uint64_t>(rounded)};
}

/// The sine, or after an odd number of quarters the cosine, with the sign of its half turn.
[[gnu::always_inline]] inline double turn_value(const Turn& turn, std::uint64_t quarter) {
  const std::uint64_t odd = 0 - (quarter & 1);
  const std::uint64_t magnitude = (std::bit_cast<std::uint64_t>(turn.sine) & ~odd) |
                                  (std::bit_cast<std::uint64_t>(turn.cosine) & odd);
  return std::bit_cast<double>(magnitude ^ ((quarter & 2) << 62));
}

}  // namespace detail

/// Square root, correctly rounded; NaN below 0.
[[gnu::always_inline]] inline double sqrt(double x) {
  return __builtin_sqrt(x);
}

/// Natural logarithm; error below 1 ulp for every x > 0, subnormals too. log(0) = -inf,
/// log(inf) = inf, NaN for x < 0 and NaN. Method of fdlibm's e_log.c.
[[gnu::always_inline]] inline double log(double x) {
  const detail::Scaled v = detail::split(x);
  const double finite = detail::log_parts(v.exponent, v.fraction - 1, 0);
  const double positive = x < detail::infinity ? finite : x;
  const double bound = x == 0 ? -detail::infinity : detail::not_a_number;
  return x > 0 ? positive : bound;
}

/// log(1 + x); error below 1 ulp for every x > -1, tiny and subnormal x included. -inf at -1, inf
/// at inf, NaN below -1 and for NaN. The rounding of 1 + x is carried as a correction.
[[gnu::always_inline]] inline double log1p(double x) {
  const double sum = 1 + x;
  const double lost = x < 1 ? x - (sum - 1) : 1 - (sum - x);
  const detail::Scaled v = detail::split(sum);
  const double finite = detail::log_parts(v.exponent, v.fraction - 1, lost / sum);
  const double positive = x < detail::infinity ? finite : x;
  const double bound = x == -1 ? -detail::infinity : detail::not_a_number;
  return x > -1 ? positive : bound;
}

/// e^x; error below 1 ulp where the result is normal, 1 unit of 2^-1074 where it is subnormal.
/// 0 below -745.133, inf above 709.783, NaN for NaN.
[[gnu::always_inline]] inline double exp(double x) {
  return detail::exp_sum(x, 0);
}

/// e^x - 1; error below 2 ulp for every x, tiny and subnormal x included. -1 below -40, inf above
/// 709.783, NaN for NaN.
[[gnu::always_inline]] inline double expm1(double x) {
  const detail::Exponential e = detail::exp_parts(x, 0);
  // Halved, because 2^k itself overflows just below the largest legal x.
  const double scale = detail::power_of_two(e.k - 1);
  const double result = 2 * (scale * e.minus_one + (scale - 0.5));
  const double bounded = x > 709.782712893384 ? detail::infinity : result;
  const double above = x < -40 ? -1.0 : bounded;
  return ((x < 0x1p-54) & (x > -0x1p-54)) ? x : above;
}

/// x^y = e^(y log x) for x >= 0, the logarithm and the product carried to about 2^-58; error below
/// 1 + |y log x| / 16 ulp where the result is normal. x^0 = 1 (also 0^0, inf^0), 0^y = 0 or inf,
/// inf^y = inf or 0 by the sign of y; NaN for x < 0, whatever y, and for NaN.
[[gnu::always_inline]] inline double pow(double x, double y) {
  const detail::Scaled v = detail::split(x);
  const double f = v.fraction - 1;
  const double d = 2 + f;
  const double s = f / d;
  // s once more, exactly: s_high (d_high + d_low) against f leaves what the division lost.
  const double s_high = detail::leading_bits(s);
  const double d_high = detail::leading_bits(d);
  const double d_low = (d - d_high) + (f - (d - 2));
  const double s_low = ((f - s_high * d_high) - s_high * d_low) / d;
  const double tail = 2 * s_low + s * detail::log_tail(s * s);
  const double k_high = v.exponent * detail::ln2_high;
  const double sum = k_high + 2 * s_high;
  const double rest = tail + ((2 * s_high - (sum - k_high)) + v.exponent * detail::ln2_low);
  const double log_high = sum + rest;
  const double log_low = rest - (log_high - sum);

  const double product = y * log_high;
  const double y_high = detail::leading_bits(y);
  const double y_low = y - y_high;
  const double l_high = detail::leading_bits(log_high);
  const double l_low = log_high - l_high;
  const double lost =
      (((y_high * l_high - product) + y_high * l_low) + y_low * l_high) + y_low * l_low;
  const double finite = detail::exp_sum(product, lost + y * log_low);

  const double at_zero = y > 0 ? 0.0 : detail::infinity;
  const double at_infinity = y > 0 ? detail::infinity : 0.0;
  const double above = x < detail::infinity ? finite : at_infinity;
  const double inside = x > 0 ? above : at_zero;
  const double legal = ((x >= 0) & (y == y)) ? inside : detail::not_a_number;
  return ((y == 0) | (x == 1)) ? 1.0 : legal;
}

/// sin(2 pi u) for |u| < 2^49, the argument reduced exactly; error below 2 ulp, and exact at
/// multiples of 1/4.
[[gnu::always_inline]] inline double sin_two_pi(double u) {
  const detail::Turn turn = detail::turn_parts(u);
  return detail::turn_value(turn, turn.quarter);
}

/// cos(2 pi u); range and error of sin_two_pi.
[[gnu::always_inline]] inline double cos_two_pi(double u) {
  const detail::Turn turn = detail::turn_parts(u);
  return detail::turn_value(turn, turn.quarter + 1);
}

/// Inverse of the standard normal distribution function; relative error below 1e-15 for
/// 1e-300 <= p <= 1 - 2^-53. -inf at 0, inf at 1, NaN outside. M. J. Wichura, "Algorithm AS 241:
/// the percentage points of the normal distribution", Applied Statistics 37 (1988) 477, PPND16.
/// All three rational functions are evaluated and one is selected.
[[gnu::always_inline]] inline double normal_quantile(double p) {
  using detail::polynomial;
  const double q = p - 0.5;
  const bool central = (q <= 0.425) & (q >= -0.425);
  const double c = 0.180625 - q * q;
  const double tail_probability = q < 0 ? p : 1 - p;  // exact above 1/2
  const double r = sqrt(-log(tail_probability));
  const bool far = r > 5;
  const double n = r - 1.6;
  const double t = r - 5;

  const double central_top = q * polynomial(c, 3.38713287279636660800e+0, 1.33141667891784377450e+2,
                                            1.97159095030655144270e+3, 1.37316937655094611250e+4,
                                            4.59219539315498714570e+4, 6.72657709270087008530e+4,
                                            3.34305755835881281050e+4, 2.50908092873012267270e+3);
  const double central_bottom =
      polynomial(c, 1.0, 4.23133307016009112520e+1, 6.87187007492057908300e+2,
                 5.39419602142475110770e+3, 2.12137943015865958670e+4, 3.93078958000927106100e+4,
                 2.87290857357219426740e+4, 5.22649527885285456100e+3);
  const double near_top =
      polynomial(n, 1.42343711074968357734e+0, 4.63033784615654529590e+0, 5.76949722146069140550e+0,
                 3.64784832476320460504e+0, 1.27045825245236838258e+0, 2.41780725177450611770e-1,
                 2.27238449892691845833e-2, 7.74545014278341407640e-4);
  const double near_bottom =
      polynomial(n, 1.0, 2.05319162663775882187e+0, 1.67638483018380384940e+0,
                 6.89767334985100004550e-1, 1.48103976427480074590e-1, 1.51986665636164571966e-2,
                 5.47593808499534494600e-4, 1.05075007164441684324e-9);
  const double far_top =
      polynomial(t, 6.65790464350110377720e+0, 5.46378491116411436990e+0, 1.78482653991729133580e+0,
                 2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
                 2.71155556874348757815e-5, 2.01033439929228813265e-7);
  const double far_bottom =
      polynomial(t, 1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1,
                 1.48753612908506148525e-2, 7.86869131145613259100e-4, 1.84631831751005468180e-5,
                 1.42151175831644588870e-7, 2.04426310338993978564e-15);
  const double tail_top = far ? far_top : near_top;
  const double top = central ? central_top : (q < 0 ? -tail_top : tail_top);
  const double bottom = central ? central_bottom : (far ? far_bottom : near_bottom);
  const double inside = top / bottom;
  const double at_one = p == 1 ? detail::infinity : detail::not_a_number;
  const double at_bound = p == 0 ? -detail::infinity : at_one;
  return ((p > 0) & (p < 1)) ? inside : at_bound;
}

// The functions below serve planning and sampling of single values; they branch, loop and are
// compiled once, in elementary.cpp.

/// log of the gamma function for x > 0; relative error below 2e-15, also near its zeros 1 and 2.
/// inf at 0, inf and on overflow, NaN below 0.
double lgamma(double x);

/// lgamma(2 + x) - (1 - gamma) x with Euler's gamma, |x| <= 1/2, to 1e-15 relative: for differences
/// in which the linear term cancels.
double lgamma_curvature(double x);

/// Distribution function of the standard normal; relative error below 2e-13 for x >= -37, in the
/// lower tail too. 0 at -inf, 1 at inf, NaN for NaN.
double normal_cdf(double x);

/// Regularized lower and upper incomplete gamma functions P(a, x) and Q(a, x) = 1 - P(a, x).
struct GammaTails {
  double lower;
  double upper;
};

/// Both tails for a > 0, x >= 0, each with relative error below 1e-12 where it exceeds 1e-30 and
/// 1e-3 <= a <= 1e6. x <= 0 gives {0, 1}, inf {1, 0}. Power series below x = a + 1, continued
/// fraction above (DLMF 8.11.4, 8.9.2), both about sqrt(a) terms; for a > 1000 near x = a Temme's
/// uniform expansion (SIAM J. Math. Anal. 10 (1979) 757; DLMF 8.12), at a fixed cost.
GammaTails gamma_tails(double a, double x);

/// P(a, x).
double gamma_p(double a, double x);

/// The x with P(a, x) = p, for a > 0 and 0 <= p <= 1 (inf at 1); relative error below 1e-12 for
/// 0.01 <= a <= 1e6 and 2^-53 <= p <= 1 - 2^-53. May underflow to 0 for small a. Newton's method
/// on the log of the smaller tail, a concave function of log x.
double gamma_p_inverse(double a, double p);

}  // namespace lockstep::elementary
