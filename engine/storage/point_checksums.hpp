#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "engine/base/sha256.hpp"

namespace lockstep {

/// The attribute of a variable that holds them.
inline constexpr const char* checksums_attribute = "checksums";

/// Checksums of one variable's values, one for each design point, over the trials that the file
/// holds. HDF5's own, of chunks, do not tell when its index loses one: then fill values are read.
class PointChecksums {
 public:
  /// Adds held values in the order of the file.
  void add(std::int64_t point, std::span<const double> values);
  /// Of all `points` design points, one a line: the first 64 bits of the SHA-256 of the values,
  /// little-endian, in hexadecimal.
  std::string text(std::int64_t points);

 private:
  void end_points_before(std::int64_t point);

  Sha256 digest_;
  bool has_values_ = false;  ///< the design point under way
  std::int64_t point_ = 0;   ///< whose values are added
  std::string lines_;
};

}  // namespace lockstep
