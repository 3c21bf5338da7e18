#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/storage/hdf5/hdf5.hpp"
#include "engine/storage/point_checksums.hpp"

namespace lockstep {

/// Writes one variable whose chunks each hold trials of one design point, every chunk once and
/// whole: trials arrive in file order, with gaps where blocks are missing, and a chunk goes out
/// when the next one begins. Gaps inside a chunk are NaN; chunks without a trial are not stored.
class ChunkWriter {
 public:
  /// `dataset` has the extents (axes..., trial, rest...); the first `axes` of them number the
  /// design points row-major. Memory: one chunk.
  ChunkWriter(h5::Handle dataset, h5::Extents extents, std::size_t axes, std::int64_t trials,
              std::int64_t chunk_trials);

  /// Takes trials `first` to `first + count` of a design point; `values` is (count, rest...).
  void write(std::int64_t point, std::int64_t first, std::int64_t count,
             std::span<const double> values);
  /// Writes what is pending and the checksums of all design points, and closes the dataset.
  void finish();

 private:
  void flush();

  h5::Handle dataset_;
  h5::Extents extents_;
  std::size_t axes_;
  std::int64_t trials_, chunk_trials_, per_trial_ = 1;
  std::int64_t point_ = 0, chunk_ = -1;  ///< the pending chunk; -1: none
  std::vector<double> pending_;
  PointChecksums checksums_;
};

}  // namespace lockstep
