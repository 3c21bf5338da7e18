#include "engine/training/course/chunk_calls.hpp"

#include <algorithm>

#include "engine/network/collective.hpp"

namespace lockstep {

/// What comes before a late call, and behind it, is linear in the chunk's number.
ChunkCalls::End ChunkCalls::end(double first_ready, double last_ready) const {
  const auto others = static_cast<double>(chunks - 1);
  End end{.after_first = others * took, .later = chunks > 1 ? last_ready + took : left_out};
  double delays = 0;
  const auto from = [&](std::int64_t chunk) {  // it waits for its turn, then for nothing
    if (chunk >= chunks) return;
    const double ready =
        first_ready + static_cast<double>(chunk) / others * (last_ready - first_ready);
    end.later = std::max(end.later, ready + static_cast<double>(chunks - chunk) * took + delays);
  };
  for (auto one = late.rbegin(); one != late.rend(); ++one) {
    from(one->call + 1);
    delays += one->delay;
    from(one->call);
  }
  end.after_first += delays;
  return end;
}

std::vector<ChunkCalls::Arrival> ChunkCalls::arrivals(double first_turn, double last_turn) const {
  double delays = 0;
  const auto of = [&](std::int64_t chunk) {
    const auto before = static_cast<double>(chunk);
    const double turn = chunk == 0 ? first_turn
                                   : first_turn + before / static_cast<double>(chunks - 1) *
                                                      (last_turn - first_turn);
    return Arrival{before * took + delays, turn};
  };
  std::vector<Arrival> all{of(0)};
  for (const LateCall& one : late) {
    all.push_back(of(one.call - 1));
    delays += one.delay;
    all.push_back(of(one.call));
  }
  all.push_back(of(chunks - 1));
  return all;
}

}  // namespace lockstep
