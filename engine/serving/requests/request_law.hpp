#pragma once

#include "engine/serving/replica/replica_sorts.hpp"
#include "engine/serving/requests/request_source.hpp"
#include "engine/serving/serving.hpp"

namespace lockstep {

/// Throws InputError where serving.profile or serving.trace is neither a word nor a CSV file's
/// name, or requests have less than a token on average.
void check_requests(const Serving& serving);

/// What a study asks. Reads its files. Throws InputError.
RequestLaw request_law(const Serving& serving);

/// Of its requests, cut as they are, input and output independent where they are drawn.
RequestMeans means_of(const RequestLaw& law);

}  // namespace lockstep
