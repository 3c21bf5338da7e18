#pragma once

#include "engine/base/wide/lanes.hpp"

/// For kernel files alone: elementary functions of floats in lanes, of IEEE + - * sqrt and bit
/// operations only. Coefficients are own minimax fits, rounded to floats; the errors are held to
/// by tests/unit/single_precision_test.cpp.
namespace lockstep::LOCKSTEP_SIMD_LEVEL {

[[gnu::always_inline]] inline Floats polynomial(Floats, float c) {
  return Floats{} + c;
}

/// c + x (rest...), by Horner.
template <class... Rest>
[[gnu::always_inline]] inline Floats polynomial(Floats x, float c, Rest... rest) {
  return c + x * polynomial(x, rest...);
}

/// Half of 32 random bits as a number: h + 1/2 of the upper 31 bits h, rounded to a float, at most
/// 2^31. A signed conversion exists from SSE2 on.
[[gnu::always_inline]] inline Floats upper_bits(Words random) {
  return __builtin_convertvector(as_integers(random >> 1), Floats) + 0.5f;
}

/// -log(2^-scale x) for normal x > 0: x = 2^k m with sqrt(1/2) <= m < sqrt(2), and log(m) =
/// (m - 1) p(m - 1) with p of degree 7, minimax in relative error (1.7e-7).
template <int scale>
[[gnu::always_inline]] inline Floats minus_log(Floats x) {
  const Words bits = reinterpret_cast<Words>(x);
  const Words above = bits - 0x3F3504F3u;  // of sqrt(1/2)
  const Floats k = __builtin_convertvector(scale - (as_integers(above) >> 23), Floats);
  const Floats f = reinterpret_cast<Floats>(bits - (above & 0xFF800000u)) - 1.0f;
  const Floats p = polynomial(f, 0.9999999453f, -0.5000036512f, 0.3333505895f, -0.2496990906f,
                              0.1990016541f, -0.1725082971f, 0.1622258091f, -0.1010689604f);
  return k * 0.6931471806f - f * p;
}

/// |z| of the standard normal that is exceeded, on both sides together, with chance t in (2^-33,
/// 1]. With w = -log(t (2 - t)), |z| = (1 - t) p(w), p a polynomial in w for w < 5, in sqrt(w)
/// beyond. Error below 6e-7 (1 + |z|).
[[gnu::always_inline]] inline Floats normal_exceeded(Floats t) {
  const Floats w = minus_log<0>(t * (2.0f - t));
  Floats p = polynomial(w - 2.5f, 2.123313665f, 0.3488026559f, -0.005908167921f, -0.001773009077f,
                        0.0003091475519f, -6.218400813e-06f, -4.989822628e-06f, 4.861484513e-07f,
                        4.029010015e-08f);
  const Integers far = w >= 5.0f;
  if (__builtin_expect(any(far), 0)) {
    const Floats q = polynomial(square_root(w) - 3.0f, 4.006434917f, 1.416594982f, 0.01333800517f,
                                -0.01093465555f, 0.008197073825f, -0.004750748631f, 0.0016355142f,
                                -0.0002386093402f);
    p = far ? q : p;
  }
  return p * (1.0f - t);
}

/// The standard normal of 32 random bits: the lowest is the sign, t = upper_bits 2^-31 the chance
/// of a larger |z|. |z| <= 6.338, and what is rarer, 1 in 2^32, does not occur.
[[gnu::always_inline]] inline Floats standard_normal(Words random) {
  const Floats z = normal_exceeded(upper_bits(random) * 0x1p-31f);
  return reinterpret_cast<Floats>(reinterpret_cast<Words>(z) ^ (random << 31));
}

/// The standard normal with the upper tail above + part u, u = upper_bits 2^-31, and the lower one
/// below + part (1 - u); above + part + below = 1. What is rarer than 1 in 2^32 counts as that.
[[gnu::always_inline]] inline Floats normal_of_tail(Words random, float above, float part,
                                                    float below) {
  const Floats upper = above + part * (upper_bits(random) * 0x1p-31f);
  const Floats lower = below + part * (upper_bits(~random) * 0x1p-31f);
  const Integers is_high = upper < lower;
  const Floats t = 2.0f * (is_high ? upper : lower);
  const Floats z = normal_exceeded(t < 0x1p-32f ? Floats{} + 0x1p-32f : t);
  return is_high ? z : -z;
}

/// e^x - 1 for |x| < 80: x = k ln 2 + r, e^r - 1 = r + r^2 p(r). Error below 2e-7 of the result and
/// 6e-8 (1 + |x|) e^x.
[[gnu::always_inline]] inline Floats exponential_less_one(Floats x) {
  constexpr float to_integer = 0x1.8p23f;  // leaves the integer in the low bits
  const Floats shifted = x * 1.44269504f + to_integer;
  const Floats k = shifted - to_integer;
  // ln 2 in two parts, the first of 15 bits: k times it is exact.
  const Floats r = (x - k * 0.693145751953125f) - k * 1.428606820e-06f;
  const Floats p =
      r +
      r * r * polynomial(r, 0.5f, 0.1666657627f, 0.04166685417f, 0.008363214321f, 0.00139013154f);
  const Floats power = reinterpret_cast<Floats>((reinterpret_cast<Words>(shifted) + 127u) << 23);
  return power * p + (power - 1.0f);
}

}  // namespace lockstep::LOCKSTEP_SIMD_LEVEL
