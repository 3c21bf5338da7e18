#include "engine/storage/point_checksums.hpp"

#include <string_view>

namespace lockstep {

void PointChecksums::add(std::int64_t point, std::span<const double> values) {
  end_points_before(point);
  digest_.add({reinterpret_cast<const char*>(values.data()), values.size_bytes()});
}

std::string PointChecksums::text(std::int64_t points) {
  end_points_before(points);
  return lines_;
}

void PointChecksums::end_points_before(std::int64_t point) {
  for (; point_ < point; ++point_) {
    if (point_ > 0) lines_ += '\n';
    lines_ += digest_.take_hex().substr(0, 16);
  }
}

}  // namespace lockstep
