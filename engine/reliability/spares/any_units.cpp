#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "engine/reliability/spares/units.hpp"

namespace lockstep {
namespace {

class AnyUnits final : public Units {
 public:
  AnyUnits(SpareUnits spares, bool other_generation)
      : spares_(spares.value_or(std::numeric_limits<std::int64_t>::max())) {
    free_[other_generation] = spares_;
  }

  void repair_until(double now) override {
    for (; !repairs_.empty() && repairs_.back().end <= now; repairs_.pop_back()) {
      if (empty_.empty()) {
        ++free_[repairs_.back().spare];
        continue;
      }
      if (repairs_.back().spare) fill(empty_.front(), true);
      empty_.erase(empty_.begin());
    }
  }
  bool is_empty(std::int64_t place) const override {
    return std::find(empty_.begin(), empty_.end(), place) != empty_.end();
  }
  void leave(std::int64_t place, double repaired) override {
    const auto at = std::find(with_spare_.begin(), with_spare_.end(), place);
    const Repair repair{repaired, at != with_spare_.end()};
    if (repair.spare) with_spare_.erase(at);
    repairs_.insert(std::upper_bound(repairs_.begin(), repairs_.end(), repair,
                                     [](Repair a, Repair b) { return a.end > b.end; }),
                    repair);
    if (std::int64_t* unit = a_free_one()) {
      --*unit;
      fill(place, unit == &free_[true]);
    } else {
      empty_.push_back(place);
      fill(place, false);  // in time; known to be a spare, if so, when it comes
    }
  }
  std::vector<Arrival> set_up() override {
    for (; free_[false] > 0 && !with_spare_.empty(); --free_[false], ++free_[true]) {
      const std::int64_t place = with_spare_.back();
      with_spare_.pop_back();
      fill(place, false);
    }
    return std::exchange(arrivals_, {});
  }
  double complete_at(double now) const override {
    return empty_.empty() ? now : repairs_[repairs_.size() - empty_.size()].end;
  }
  std::int64_t empty() const override { return static_cast<std::int64_t>(empty_.size()); }
  std::int64_t spares_in_use() const override { return spares_ - free_[false] - free_[true]; }

 private:
  struct Repair {
    double end;
    bool spare;
  };

  std::int64_t* a_free_one() {
    const auto unit = std::find_if(free_.begin(), free_.end(), [](auto n) { return n > 0; });
    return unit == free_.end() ? nullptr : &*unit;
  }
  void fill(std::int64_t place, bool spare) {
    if (spare) with_spare_.push_back(place);
    arrivals_.push_back({place, spare});
  }

  std::int64_t spares_;
  std::array<std::int64_t, 2> free_{};    // of the job's own generation, of the spares'
  std::vector<std::int64_t> empty_;       // places, longest empty first
  std::vector<std::int64_t> with_spare_;  // places with a unit of the spares' generation
  std::vector<Repair> repairs_;           // under way, latest end first
  std::vector<Arrival> arrivals_;         // since the job was set up
};

}  // namespace

std::unique_ptr<Units> any_units(SpareUnits spares, bool other_generation) {
  return std::make_unique<AnyUnits>(spares, other_generation);
}

}  // namespace lockstep
