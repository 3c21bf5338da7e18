#include "engine/storage/point_checksums.hpp"

#include <string_view>

namespace lockstep {

void PointChecksums::add(std::int64_t point, std::span<const double> values) {
  end_points_before(point);
  has_values_ = true;
  digest_.add({reinterpret_cast<const char*>(values.data()), values.size_bytes()});
}

std::string PointChecksums::text(std::int64_t points) {
  end_points_before(points);
  return lines_;
}

void PointChecksums::end_points_before(std::int64_t point) {
  constexpr std::size_t digits = 16;
  static const std::string of_nothing = sha256_hex("").substr(0, digits);
  for (; point_ < point; ++point_) {
    if (point_ > 0) lines_ += '\n';
    lines_ += has_values_ ? digest_.take_hex().substr(0, digits) : of_nothing;
    has_values_ = false;
  }
}

}  // namespace lockstep
