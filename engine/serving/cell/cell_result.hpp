#pragma once

#include <cstdint>
#include <vector>

#include "engine/serving/replica/replica.hpp"
#include "engine/serving/sketch/quantile_sketch.hpp"

namespace lockstep {

/// What came to a part of a cell within the window, and what of that piled up.
struct Backlog {
  std::int64_t arrivals = 0;  ///< requests, once for each time that they were routed to it
  double growth = 0;          ///< requests there over the window, by a line through 17 counts

  /// By more than a hundredth of what arrives, and eight standard deviations of Poisson arrivals:
  /// five of the line's where requests come and leave at random at the same rate, sqrt(12 / 5) of
  /// those.
  bool grows() const;
};

/// What a cell did. Of the whole run where it says so, else within the window.
struct CellResult {
  // Of the whole run: arrived = completed + lost + left.
  std::int64_t arrived = 0, completed = 0, lost = 0, left = 0;
  double mean_in_system = 0;  ///< over the whole run, by the integral over time
  double mean_residence = 0;  ///< of all that arrived, up to the end [s]

  double window = 0;  ///< [s]
  std::int64_t arrivals = 0, completions = 0, losses = 0;
  std::int64_t good = 0;                  ///< completions within both limits
  std::int64_t input_tokens = 0;          ///< of completed requests
  QuantileSketch first_token, per_token;  ///< of those; per_token where there are two tokens [s]
  std::vector<ReplicaUse> use;            ///< (generations) sums over replicas
  std::vector<double> replicas;           ///< (generations)
  std::vector<Backlog> backlog;           ///< (generations)
  /// Whether requests pile up: in the cell, or before one of its generations.
  bool overloaded() const;

  void add(const CellResult& other);
};

}  // namespace lockstep
