#include "engine/storage/chunk_writer.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace lockstep {

ChunkWriter::ChunkWriter(h5::Handle dataset, h5::Extents extents, std::size_t axes,
                         std::int64_t trials, std::int64_t chunk_trials)
    : dataset_(std::move(dataset)),
      extents_(std::move(extents)),
      axes_(axes),
      trials_(trials),
      chunk_trials_(chunk_trials) {
  for (std::size_t d = axes_ + 1; d < extents_.size(); ++d)
    per_trial_ *= static_cast<std::int64_t>(extents_[d]);
}

void ChunkWriter::write(std::int64_t point, std::int64_t first, std::int64_t count,
                        std::span<const double> values) {
  checksums_.add(point, values);
  const std::int64_t end = first + count;
  while (first < end) {
    const std::int64_t chunk = first / chunk_trials_;
    const std::int64_t chunk_begin = chunk * chunk_trials_;
    const std::int64_t chunk_end = std::min(chunk_begin + chunk_trials_, trials_);
    if (chunk != chunk_ || point != point_) {
      flush();
      point_ = point;
      chunk_ = chunk;
      pending_.assign(static_cast<std::size_t>((chunk_end - chunk_begin) * per_trial_),
                      std::numeric_limits<double>::quiet_NaN());
    }
    const std::int64_t taken = std::min(end, chunk_end) - first;
    std::copy_n(values.begin(), taken * per_trial_,
                pending_.begin() + (first - chunk_begin) * per_trial_);
    values = values.subspan(static_cast<std::size_t>(taken * per_trial_));
    first += taken;
  }
}

void ChunkWriter::flush() {
  if (chunk_ < 0) return;
  h5::Extents start(extents_.size(), 0), count(extents_);
  std::int64_t rest = point_;
  for (std::size_t axis = axes_; axis-- > 0;) {
    const auto size = static_cast<std::int64_t>(extents_[axis]);
    start[axis] = static_cast<hsize_t>(rest % size);
    count[axis] = 1;
    rest /= size;
  }
  start[axes_] = static_cast<hsize_t>(chunk_ * chunk_trials_);
  count[axes_] = pending_.size() / static_cast<hsize_t>(per_trial_);
  h5::write_box(dataset_, start, count, pending_);
  chunk_ = -1;
}

void ChunkWriter::finish() {
  flush();
  std::int64_t points = 1;
  for (std::size_t axis = 0; axis < axes_; ++axis)
    points *= static_cast<std::int64_t>(extents_[axis]);
  h5::write_attribute(dataset_, checksums_attribute, checksums_.text(points));
  dataset_.close("write a variable");
}

}  // namespace lockstep
