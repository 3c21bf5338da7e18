#include "engine/network/slices.hpp"

#include <fmt/format.h>

#include <numeric>

namespace lockstep {
namespace {

class FreeUnits final : public Slices {
 public:
  FreeUnits(std::int64_t unit_chips, std::string unit, std::int64_t slice_units)
      : unit_chips_(unit_chips), unit_(std::move(unit)), slice_units_(slice_units) {}

  std::int64_t unit_chips() const override { return unit_chips_; }
  std::int64_t most(std::span<const std::uint8_t> healthy) const override {
    return std::accumulate(healthy.begin(), healthy.end(), std::int64_t{0}) / slice_units_;
  }
  std::string text() const override {
    return fmt::format("{} healthy {}, wherever they are", slice_units_, unit_);
  }

 private:
  std::int64_t unit_chips_;
  std::string unit_;
  std::int64_t slice_units_;
};

}  // namespace

std::unique_ptr<Slices> slices_of_units(std::int64_t unit_chips, std::string unit,
                                        std::int64_t slice_chips) {
  return std::make_unique<FreeUnits>(unit_chips, std::move(unit), slice_chips / unit_chips);
}

std::unique_ptr<Slices> slices_of_chips(const SliceRequest& request) {
  return slices_of_units(1, "chips", request.slice_chips);
}

}  // namespace lockstep
