#pragma once

#include <cstdint>
#include <string_view>

#include "engine/training/jobs.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep::test {

/// A mixed fleet that serves, and a job that costs next to nothing beside. Replicas take 2 H100 of
/// a node of 8, else 1 chip.
inline constexpr std::string_view served_mix = R"(
  fleet.chips=H100:64, H200:32, GB200:24
  job.compute_time=1s
  job.gradient_bytes=1MB
  sampling.steps=1
  serving.load=0.7
  serving.router=jsq_speed
)";

inline constexpr std::uint64_t served_seed = 20;

inline Jobs served_jobs(std::string_view lines, std::uint64_t seed = served_seed) {
  return make_jobs(lines, seed);
}

}  // namespace lockstep::test
