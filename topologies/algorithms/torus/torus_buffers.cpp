#include "topologies/algorithms/torus/torus_buffers.hpp"

#include <algorithm>
#include <array>

namespace lockstep {
namespace {

/// Arrays and how many still read each.
class Pool {
 public:
  int take() {
    const auto free = std::ranges::find(readers_, 0);
    if (free == readers_.end()) {
      readers_.push_back(1);
      return static_cast<int>(readers_.size()) - 1;
    }
    *free = 1;
    return static_cast<int>(free - readers_.begin());
  }
  void keep(int array) {
    if (array >= 0) ++readers_[static_cast<std::size_t>(array)];
  }
  void leave(int array) {
    if (array >= 0) --readers_[static_cast<std::size_t>(array)];
  }
  bool alone(int array) const {
    return array >= 0 && readers_[static_cast<std::size_t>(array)] == 1;
  }
  int size() const { return static_cast<int>(readers_.size()); }

 private:
  std::vector<int> readers_;
};

}  // namespace

TorusBuffers::TorusBuffers(const TorusSchedule& schedule) {
  const std::vector<TorusStep>& steps = schedule.steps();
  // Ways round rings never meet, unless a part goes both.
  const bool both =
      std::ranges::any_of(steps, [&](const TorusStep& step) { return schedule.both_ways(step); });
  for (int strand = 0; strand < (both ? 1 : 2); ++strand) {
    Pool pool;
    Strand& own = strands_.emplace_back();
    std::vector<int> part(schedule.parts(), of_ready);
    std::vector<bool> mine(schedule.parts());
    std::array<std::array<int, 2>, torus_dimensions> port;
    for (auto& ways : port) ways = {none, none};
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const TorusStep& step = steps[i];
      if (!both && step.forward != (strand == 0)) continue;
      mine[step.part] = true;
      int& held = part[step.part];
      std::vector<int> outs;
      for (bool forward : {true, false}) {
        if (!schedule.goes(step, forward)) continue;
        int& used = port[step.dimension][forward ? 0 : 1];
        const bool own_port = used == held;
        if (own_port) {
          pool.leave(used);
          used = none;
        }
        const int out = !schedule.both_ways(step) && pool.alone(held) ? held : pool.take();
        own.moves.push_back({i, forward, false, held, used, out});
        pool.leave(used);
        used = out;
        pool.keep(out);
        outs.push_back(out);
      }
      if (outs.size() == 1) {
        if (outs[0] != held) pool.leave(held);
        held = outs[0];
        continue;
      }
      const int joined = pool.take();
      own.moves.push_back({i, true, true, outs[0], outs[1], joined});
      for (int out : outs) pool.leave(out);
      pool.leave(held);
      held = joined;
    }
    for (std::size_t p = 0; p < part.size(); ++p)
      if (mine[p]) own.ends.push_back(part[p]);
    arrays_ = std::max(arrays_, pool.size());
  }
}

}  // namespace lockstep
