#include <algorithm>
#include <numeric>
#include <utility>

#include "engine/reliability/spares/units.hpp"

namespace lockstep {
namespace {

/// Units are numbered along the line; limited spares close it to a ring of `all_` units.
class ConsecutiveUnits final : public Units {
 public:
  ConsecutiveUnits(std::int64_t places, SpareUnits spares)
      : places_(places),
        all_(spares ? places + *spares : 0),
        unit_at_(static_cast<std::size_t>(places)) {
    std::iota(unit_at_.begin(), unit_at_.end(), std::int64_t{0});
  }

  void repair_until(double now) override {
    std::erase_if(away_, [&](const Away& unit) { return unit.until <= now; });
  }
  bool is_empty(std::int64_t place) const override {
    return std::any_of(away_.begin(), away_.end(),
                       [&](const Away& a) { return a.unit == unit_at(place); });
  }
  void leave(std::int64_t place, double repaired) override {
    away_.push_back({unit_at(place), repaired});
    arrivals_.push_back({place, false});
  }
  std::vector<Arrival> set_up() override {
    const std::int64_t begin = soonest();
    std::int64_t next = begin;
    for (std::int64_t place = 0; place < places_; ++place) {
      std::int64_t& unit = unit_at_[static_cast<std::size_t>(place)];
      if (is_inside(unit, begin)) continue;
      while (is_inside(wrapped(next), begin_)) ++next;  // it stays
      unit = wrapped(next++);
    }
    begin_ = begin;
    return std::exchange(arrivals_, {});
  }
  double complete_at(double now) const override { return std::max(now, complete(begin_)); }
  std::int64_t empty() const override {
    return std::count_if(away_.begin(), away_.end(),
                         [&](const Away& a) { return is_inside(a.unit, begin_); });
  }
  std::int64_t spares_in_use() const override {
    return static_cast<std::int64_t>(away_.size()) - empty();
  }

 private:
  struct Away {
    std::int64_t unit;
    double until;
  };

  std::int64_t unit_at(std::int64_t place) const {
    return unit_at_[static_cast<std::size_t>(place)];
  }
  std::int64_t wrapped(std::int64_t unit) const {
    return all_ == 0 ? unit : ((unit % all_) + all_) % all_;
  }
  bool is_inside(std::int64_t unit, std::int64_t begin) const {
    const std::int64_t offset = all_ == 0 ? unit - begin : wrapped(unit - begin);
    return offset >= 0 && offset < places_;
  }
  /// When the last of the units from `begin` on is back; 0 where none is away.
  double complete(std::int64_t begin) const {
    double end = 0;
    for (const Away& a : away_)
      if (is_inside(a.unit, begin)) end = std::max(end, a.until);
    return end;
  }
  /// Order of how far `begin` is from where the job is: along the line before against it.
  std::int64_t distance(std::int64_t begin) const {
    const std::int64_t along = wrapped(begin - begin_);
    const std::int64_t against = all_ == 0 ? -along : wrapped(-along);
    return along >= 0 && (along <= against || against < 0) ? 2 * along : 2 * against + 1;
  }
  /// Where the job is complete soonest. Of equally good stretches the nearest begins where it is
  /// now, or ends or begins beside a unit that is away.
  std::int64_t soonest() const {
    const auto rank = [&](std::int64_t begin) {
      return std::pair(complete(begin), distance(begin));
    };
    std::int64_t best = begin_;
    for (const Away& a : away_)
      for (std::int64_t begin : {wrapped(a.unit + 1), wrapped(a.unit - places_)})
        if (rank(begin) < rank(best)) best = begin;
    return best;
  }

  std::int64_t places_, all_;
  std::int64_t begin_ = 0;             // the job's first unit along the line
  std::vector<std::int64_t> unit_at_;  // (places)
  std::vector<Away> away_;
  std::vector<Arrival> arrivals_;  // since the job was set up
};

}  // namespace

std::unique_ptr<Units> consecutive_units(std::int64_t places, SpareUnits spares) {
  return std::make_unique<ConsecutiveUnits>(places, spares);
}

}  // namespace lockstep
