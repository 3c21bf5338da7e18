#include "engine/reliability/spares/units.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <vector>

#include "tests/unit/any_purpose.hpp"

namespace lockstep {
namespace {

/// A line of units, or a ring of `all` of them, of which a job takes `places` consecutive ones;
/// every stretch is looked at.
struct Line {
  std::int64_t places, all;
  std::int64_t begin = 0;
  std::vector<std::int64_t> unit_at = {};
  std::map<std::int64_t, double> back = {};  ///< ends of repairs, by unit

  std::int64_t unit(std::int64_t i) const { return all > 0 ? ((i % all) + all) % all : i; }
  double complete(std::int64_t from) const {
    double end = 0;
    for (std::int64_t i = 0; i < places; ++i)
      if (const auto away = back.find(unit(from + i)); away != back.end())
        end = std::max(end, away->second);
    return end;
  }
  /// Moves to the stretch that is complete soonest, the nearest of these; returns when.
  double move() {
    const std::int64_t far = all > 0 ? all : 300;
    auto best = std::tuple(complete(begin), std::int64_t{0}, begin);
    for (std::int64_t shift = 1; shift < far; ++shift)
      for (std::int64_t to : {begin + shift, begin - shift})
        best = std::min(best, std::tuple(complete(to), 2 * shift + (to < begin), to));
    begin = unit(std::get<2>(best));
    std::vector<std::int64_t> now;
    for (std::int64_t i = 0; i < places; ++i) now.push_back(unit(begin + i));
    const auto is_among = [](const auto& list, std::int64_t u) {
      return std::find(list.begin(), list.end(), u) != list.end();
    };
    std::vector<std::int64_t> come;
    for (std::int64_t u : now)
      if (!is_among(unit_at, u)) come.push_back(u);
    auto next = come.begin();
    for (std::int64_t& u : unit_at)
      if (!is_among(now, u)) u = *next++;
    return std::get<0>(best);
  }
};

TEST(Units, ConsecutiveOnesMoveToTheStretchThatIsWholeSoonest) {
  int waits = 0, moves = 0;
  for (std::uint32_t machine = 0; machine < 600; ++machine) {
    SCOPED_TRACE(machine);
    const Stream random{7, any_purpose, machine};
    const std::int64_t places = 1 + machine % 5;
    SpareUnits spares = machine / 5 % 7;
    if (*spares == 6) spares.reset();
    Line line{places, spares ? places + *spares : 0};
    for (std::int64_t i = 0; i < places; ++i) line.unit_at.push_back(i);
    const auto units = consecutive_units(places, spares);
    double now = 0;
    for (std::uint32_t event = 0; event < 40; ++event) {
      const auto [gap, where] = random.uniform_pair(0, event);
      now += gap;
      units->repair_until(now);
      std::erase_if(line.back, [&](const auto& unit) { return unit.second <= now; });
      const auto place = static_cast<std::int64_t>(where * static_cast<double>(places));
      const std::int64_t unit = line.unit_at[static_cast<std::size_t>(place)];
      ASSERT_EQ(units->is_empty(place), line.back.contains(unit));
      if (line.back.contains(unit)) continue;
      const double repaired = now + 3 * random.uniform(1, event);
      const std::int64_t before = line.begin;
      units->leave(place, repaired);
      line.back[unit] = repaired;
      const double complete = line.move();
      const auto arrivals = units->set_up();
      ASSERT_EQ(arrivals.size(), 1u);  // also where it waits for its own, whose node was replaced
      ASSERT_EQ(arrivals.front().place, place);
      ASSERT_EQ(units->complete_at(now), std::max(now, complete));
      std::int64_t empty = 0;
      for (std::int64_t u : line.unit_at) empty += line.back.contains(u);
      ASSERT_EQ(units->empty(), empty);
      ASSERT_EQ(units->spares_in_use(), static_cast<std::int64_t>(line.back.size()) - empty);
      waits += complete > now;
      moves += line.begin != before;
    }
  }
  EXPECT_GT(waits, 1000);
  EXPECT_GT(moves, 1000);
}

TEST(Units, SparesOfAnotherGenerationGoLastAndLeaveFirst) {
  const auto units = any_units(2, true);
  const auto arrivals = [&] {
    std::vector<std::pair<std::int64_t, bool>> list;
    for (const Units::Arrival& unit : units->set_up()) list.emplace_back(unit.place, unit.spare);
    return list;
  };
  using List = std::vector<std::pair<std::int64_t, bool>>;
  units->leave(5, 10);
  EXPECT_EQ(arrivals(), (List{{5, true}}));
  units->leave(6, 30);
  EXPECT_EQ(arrivals(), (List{{6, true}}));
  units->repair_until(20);  // the node of place 5 is back, and stands by
  EXPECT_EQ(units->spares_in_use(), 1);
  units->leave(7, 40);  // it takes 7 at once
  EXPECT_EQ(arrivals(), (List{{7, false}}));
  EXPECT_EQ(units->spares_in_use(), 2);
  units->leave(8, 50);  // none is left
  EXPECT_EQ(arrivals(), (List{{8, false}}));
  EXPECT_TRUE(units->is_empty(8));
  EXPECT_EQ(units->complete_at(20), 30);
  units->repair_until(35);  // fills 8
  EXPECT_FALSE(units->is_empty(8));
  units->repair_until(60);  // two more are back
  units->leave(9, 70);
  // One takes 9, the other the place of a spare, which stands by again.
  EXPECT_EQ(arrivals(), (List{{9, false}, {6, false}}));
  EXPECT_EQ(units->spares_in_use(), 1);
  units->leave(5, 80);  // itself a spare
  EXPECT_EQ(arrivals(), (List{{5, true}}));
}

}  // namespace
}  // namespace lockstep
