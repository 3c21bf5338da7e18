#pragma once

#include "engine/base/distribution.hpp"

namespace lockstep {

// The rows of the table in distribution.cpp, one a file.
DistributionKind constant_kind();
DistributionKind uniform_kind();
DistributionKind exponential_kind();
DistributionKind normal_kind();
DistributionKind lognormal_kind();
DistributionKind gamma_kind();
DistributionKind weibull_kind();
DistributionKind pareto_kind();
DistributionKind mixture_kind();
DistributionKind empirical_kind();

/// The law of one value; what every kind becomes when its spread or its scale is 0.
std::shared_ptr<const Law> make_constant(double value);

}  // namespace lockstep
