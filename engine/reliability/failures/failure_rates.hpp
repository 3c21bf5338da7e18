#pragma once

#include <span>

#include "engine/base/distribution.hpp"
#include "engine/base/parameter.hpp"

namespace lockstep {

/// How nodes fail beyond their rate, and how often other parts do. All of it is off unless set.
struct FailureRates {
  double domain_share = 0;    ///< of a node's failures: its whole scale-up domain leaves
  double lemon_fraction = 0;  ///< probability that a node, when it comes, is a lemon
  double lemon_factor = 0;    ///< how many times as often a lemon fails
  // Of each part [1/s].
  double leaf_switch = 0, cable = 0, optical_switch = 0;
  double maintenance = 0;      ///< planned, of each node
  double link_flap = 0;        ///< of each cable
  Distribution flap_duration;  ///< [s]
  bool operator==(const FailureRates&) const = default;
};

std::span<const Parameter> failure_parameters();
FailureRates failure_rates_from(const Values& values);

}  // namespace lockstep
