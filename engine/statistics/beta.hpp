#pragma once

#include "engine/statistics/estimate.hpp"

namespace lockstep {

/// Regularized incomplete beta function I_x(a, b) for a, b > 0, 0 <= x <= 1, by its continued
/// fraction (DLMF 8.17.22). Relative error below 1e-8 for a + b <= 1e6. Cost O(sqrt(a + b)).
double beta_cdf(double a, double b, double x);

/// The x with I_x(a, b) = p, 0 < p < 1: Newton's steps on the log-odds of x, bisection where one
/// leaves the bracket. Relative error below 1e-8.
double beta_quantile(double a, double b, double p);

/// Share of `trials` independent trials that had an event, with the limits of C. J. Clopper and
/// E. S. Pearson, Biometrika 26 (1934) 404: 0 of n has the upper limit 1 - ((1 - level) / 2)^(1/n).
/// `trials` > 0 and 0 <= events <= trials need not be whole (E. L. Korn and B. I. Graubard, Survey
/// Methodology 24 (1998) 193).
Estimate share_estimate(double events, double trials, double level = shown_level);

/// Mean number of events a trial where `events` of them came in all, with the limits of F. Garwood,
/// Biometrika 28 (1936) 437: exact for a Poisson law. events >= 0, trials > 0.
Estimate rate_estimate(double events, double trials, double level = shown_level);

}  // namespace lockstep
