#pragma once

#include <cstdint>

#include "engine/base/elementary.hpp"
#include "engine/serving/replica/collective_times.hpp"

namespace lockstep {

/// What one iteration of a replica takes, with n tokens computed (one a sequence that decodes, and
/// those of prompts that are read) and K tokens of context held:
///
///   t = fixed + per_token n + (memory^p + (compute n)^p)^(1/p) + per_context K + collective(n) [s]
///
/// The calibrated law t0 + c B has p = 1 and memory = 0, and what chips say to each other in c. The
/// roofline streams its weights in `memory` and has p = 1.5, which fits 259 products of Llama2-70B
/// on an H100 to 6 % where a plain maximum is 50 % low near the knee (vidur's profiles).
struct IterationLaw {
  double fixed = 0;        ///< [s]
  double per_token = 0;    ///< of operations that are no matrix products [s]
  double memory = 0;       ///< [s]
  double compute = 0;      ///< of a token [s]
  double knee = 1;         ///< p
  double per_context = 0;  ///< of a token held: attention reads it [s]
  CollectiveTimes collective = {};

  /// Without contexts [s].
  double time(std::int64_t tokens) const { return alone(tokens) + collective.time(tokens); }
  /// Of the chips alone, without contexts [s].
  double alone(std::int64_t tokens) const {
    const auto n = static_cast<double>(tokens);
    const double products =
        knee == 1
            ? memory + compute * n
            : elementary::pow(elementary::pow(memory, knee) + elementary::pow(compute * n, knee),
                              1 / knee);
    return fixed + per_token * n + products;
  }
};

/// What replicas of one generation have in common.
struct ReplicaSort {
  IterationLaw law;
  std::int64_t context_tokens = 0;  ///< that its memory holds
  std::int64_t most_sequences = 0;  ///< in an iteration
  std::int64_t chunk = 0;           ///< tokens of prompts that one iteration reads at most
  double rate = 0;                  ///< rated requests a second
};

}  // namespace lockstep
