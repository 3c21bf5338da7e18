#include "tests/unit/elementary_kernels.hpp"

#include "engine/base/elementary.hpp"

namespace lockstep::LOCKSTEP_SIMD_LEVEL {

namespace {

void log(const double* x, double* result, std::size_t n) {
#pragma omp simd
  for (std::size_t i = 0; i < n; ++i) result[i] = elementary::log(x[i]);
}

void log1p(const double* x, double* result, std::size_t n) {
#pragma omp simd
  for (std::size_t i = 0; i < n; ++i) result[i] = elementary::log1p(x[i]);
}

void exp(const double* x, double* result, std::size_t n) {
#pragma omp simd
  for (std::size_t i = 0; i < n; ++i) result[i] = elementary::exp(x[i]);
}

void expm1(const double* x, double* result, std::size_t n) {
#pragma omp simd
  for (std::size_t i = 0; i < n; ++i) result[i] = elementary::expm1(x[i]);
}

void sin_two_pi(const double* x, double* result, std::size_t n) {
#pragma omp simd
  for (std::size_t i = 0; i < n; ++i) result[i] = elementary::sin_two_pi(x[i]);
}

void cos_two_pi(const double* x, double* result, std::size_t n) {
#pragma omp simd
  for (std::size_t i = 0; i < n; ++i) result[i] = elementary::cos_two_pi(x[i]);
}

void normal_quantile(const double* x, double* result, std::size_t n) {
#pragma omp simd
  for (std::size_t i = 0; i < n; ++i) result[i] = elementary::normal_quantile(x[i]);
}

void sqrt(const double* x, double* result, std::size_t n) {
#pragma omp simd
  for (std::size_t i = 0; i < n; ++i) result[i] = elementary::sqrt(x[i]);
}

void pow(const double* x, const double* y, double* result, std::size_t n) {
#pragma omp simd
  for (std::size_t i = 0; i < n; ++i) result[i] = elementary::pow(x[i], y[i]);
}

}  // namespace

const ElementaryKernels elementary_kernels{log,        log1p,           exp,  expm1, sin_two_pi,
                                           cos_two_pi, normal_quantile, sqrt, pow};

}  // namespace lockstep::LOCKSTEP_SIMD_LEVEL
