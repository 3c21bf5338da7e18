#include "engine/training/course/chunk_calls.hpp"

#include <algorithm>

#include "engine/network/collective.hpp"

namespace lockstep {

/// What comes before a late call, and behind it, is convex in the chunk's number.
ChunkCalls::End ChunkCalls::end(const std::function<double(std::int64_t)>& ready) const {
  End end{.after_first = static_cast<double>(chunks - 1) * took,
          .later = chunks > 1 ? ready(chunks - 1) + took : left_out};
  double delays = 0;
  const auto from = [&](std::int64_t chunk) {  // it waits for its turn, then for nothing
    if (chunk >= chunks) return;
    end.later =
        std::max(end.later, ready(chunk) + static_cast<double>(chunks - chunk) * took + delays);
  };
  for (auto one = late.rbegin(); one != late.rend(); ++one) {
    from(one->call + 1);
    delays += one->delay;
    from(one->call);
  }
  end.after_first += delays;
  return end;
}

ChunkCalls::End ChunkCalls::end(double first_ready, double last_ready) const {
  return end([&](std::int64_t chunk) {
    if (chunk == chunks - 1) return last_ready;
    const double share = static_cast<double>(chunk) / static_cast<double>(chunks - 1);
    return first_ready + share * (last_ready - first_ready);
  });
}

/// Against the path through the last chunk, for which each chunk waits `spare` longer than a call
/// takes. Where calls take longer than chunks come, nothing makes up for delays.
double ChunkCalls::most_delay(double room, double in_first) const {
  const auto others = static_cast<double>(chunks - 1);
  const double spare = chunks > 1 ? std::max(0.0, room / others - took) : 0;
  double delays = 0, most = 0;
  for (auto one = late.rbegin(); one != late.rend(); ++one) {
    delays += one->delay;
    most = std::max(most, delays - (others - static_cast<double>(one->call)) * spare);
  }
  return std::max(most, delays + in_first - others * spare);
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
