#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "engine/base/distribution.hpp"
#include "engine/base/parameter.hpp"

namespace lockstep {

inline constexpr double longest_run = 1e6;  ///< of a cell's virtual clock [s]; it ends at 9.2e6

/// The model that is served.
struct ServedModel {
  double parameters = 0;
  std::optional<double> active_parameters;  ///< nullopt: all
  double layers = 0, hidden = 0;
  std::optional<double> weight_bytes;  ///< of a parameter; nullopt: as the generation's format
  double context_bytes = 0;            ///< of a token held [B]

  double active() const { return active_parameters.value_or(parameters); }
  bool operator==(const ServedModel&) const = default;
};

/// What a study asks of serving.
struct Serving {
  std::optional<double> load;          ///< share of the fleet's rated capacity
  std::optional<double> request_rate;  ///< of the fleet [1/s]
  std::string router;
  double signal_delay = 0;                      ///< [s]
  bool counts_own = true;                       ///< choices, without that delay
  std::optional<std::int64_t> admission_limit;  ///< requests of a replica
  std::int64_t cell = 0;                        ///< replicas
  std::int64_t sampled_cells = 0;               ///< of a trial

  // Requests.
  double arrival_cv = 0;
  double rate_variation = 0, rate_variation_time = 0;  ///< 1, [s]
  std::string profile, trace;                          ///< words or paths
  double time_of_day = 0;                              ///< [s]
  Distribution input_tokens, output_tokens;
  std::int64_t longest = 0;                       ///< tokens of input and output
  double first_token_limit = 0, token_limit = 0;  ///< [s]

  // Replicas.
  ServedModel model;
  bool roofline = false;
  std::string iteration;                          ///< of the study's own, or auto
  std::optional<std::int64_t> chips_per_replica;  ///< nullopt: the fewest
  double memory_share = 0;                        ///< of HBM that weights and contexts have
  double weights_share = 0;                       ///< of that, weights at most
  std::optional<std::int64_t> batch_limit;        ///< sequences of a replica
  std::int64_t chunk = 0;                         ///< tokens
  bool loses = false;                             ///< a failed replica's requests
  double reload_time = 0;                         ///< [s]

  std::optional<double> warmup, window;  ///< nullopt: what is due [s]

  bool on() const { return load || request_rate; }
  bool operator==(const Serving&) const = default;
};

std::span<const Parameter> serving_parameters();
Serving serving_from(const Values& values);

}  // namespace lockstep
