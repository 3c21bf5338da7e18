#include "topologies/algorithms/tree/tree_kernels.hpp"

#include "engine/base/wide/doubles.hpp"

namespace lockstep::LOCKSTEP_SIMD_LEVEL {
namespace {

using LOCKSTEP_SIMD_LEVEL::load, LOCKSTEP_SIMD_LEVEL::store, LOCKSTEP_SIMD_LEVEL::later;

constexpr int registers = tree_lanes / double_width;
constexpr std::int32_t ahead = 24;  // visits

/// A LaneRow in registers.
struct Row {
  Doubles part[registers];
};

[[gnu::always_inline]] inline Row load(const LaneRow& memory) {
  Row row;
  for (int r = 0; r < registers; ++r) row.part[r] = load(memory.lane + r * double_width);
  return row;
}
[[gnu::always_inline]] inline void store(LaneRow& memory, const Row& row) {
  for (int r = 0; r < registers; ++r) store(memory.lane + r * double_width, row.part[r]);
}
[[gnu::always_inline]] inline Row operator+(const Row& a, const Row& b) {
  Row sum;
  for (int r = 0; r < registers; ++r) sum.part[r] = a.part[r] + b.part[r];
  return sum;
}
[[gnu::always_inline]] inline Row operator*(const Row& a, const Row& b) {
  Row product;
  for (int r = 0; r < registers; ++r) product.part[r] = a.part[r] * b.part[r];
  return product;
}
[[gnu::always_inline]] inline Row later(const Row& a, const Row& b) {
  Row result;
  for (int r = 0; r < registers; ++r) result.part[r] = later(a.part[r], b.part[r]);
  return result;
}

/// A vertex and its hop under way: what it starts and what arrives at the other end.
struct Progress {
  Row latency, gap, start, arrival;

  [[gnu::always_inline]] Progress(const HopCost& hop)
      : latency(load(hop.latency)),
        gap(load(hop.gap)),
        start(load(never_row)),
        arrival(load(never_row)) {}

  /// The sender's port needs no word here: what it holds back arrives after what held it.
  template <bool noisy>
  [[gnu::always_inline]] void advance(const Row& have, const LaneRow& steps, const LaneRow* delay) {
    const Row since = gap * load(steps);
    start = later(start + since, have);
    arrival = later(arrival + since, have + latency);
    if constexpr (noisy) arrival = arrival + load(*delay);
  }
};

template <bool noisy>
[[gnu::always_inline]] inline void climb(Progress& hop, const TreePass& c, LaneRow* own,
                                         const Row& ready) {
  // Copies, for stores to rows may change `c` as far as the compiler knows.
  const std::int64_t stops = c.stops;
  const LaneRow *const steps = c.steps, *const delay = c.delay;
  LaneRow* const parent = own - stops;
  for (std::int64_t k = 0; k < stops; ++k) {
    const Row have = later(load(own[k]), ready);
    store(own[k], load(never_row));
    hop.advance<noisy>(have, steps[k], noisy ? delay + k : nullptr);
    store(parent[k], later(load(parent[k]), hop.arrival));
  }
}

void up(TreePass& c, std::int32_t first, std::int32_t last, const LaneRow* ready) {
  for (std::int32_t i = first; i < last; ++i) {
    const TreeVisit visit = c.visits[i];
    Progress hop(c.hops[c.hop[i]]);
    if (c.resumes) {
      hop.start = load(c.last_start[visit.vertex]);
      hop.arrival = load(c.last_arrival[visit.vertex]);
    }
    LaneRow* const own = c.path + visit.level * c.stops;
    if (i == *c.noisy) {
      climb<true>(hop, c, own, load(ready[i - first]));
      ++c.noisy;
      c.delay += c.stops;
    } else {
      climb<false>(hop, c, own, load(ready[i - first]));
    }
    if (c.last_start) {
      store(c.last_start[visit.vertex], hop.start);
      store(c.last_arrival[visit.vertex], hop.arrival);
    }
    if (c.sent) {
      LaneRow* const port = c.path_port + visit.level;
      const Row sent = hop.start + hop.gap, received = load(*port);
      store(*port, load(never_row));
      if (visit.shares_port) store(port[-1], later(load(port[-1]), hop.arrival));
      store(c.sent[visit.vertex], later(sent, load(c.sent[visit.vertex])));
      store(c.received[visit.vertex], later(received, load(c.received[visit.vertex])));
    }
  }
}

template <bool noisy>
[[gnu::always_inline]] inline void descend(Progress& hop, const TreePass& c, LaneRow* own,
                                           const Row& held) {
  const std::int64_t stops = c.stops;
  const LaneRow *const steps = c.steps, *const delay = c.delay;
  const LaneRow* const parent = own - stops;
  hop.advance<noisy>(later(load(parent[0]), held), steps[0], delay);
  store(own[0], hop.arrival);
  for (std::int64_t k = 1; k < stops; ++k) {
    hop.advance<noisy>(load(parent[k]), steps[k], noisy ? delay + k : nullptr);
    store(own[k], hop.arrival);
  }
}

void down(TreePass& c, std::int32_t first, std::int32_t last, LaneRow* arrival) {
  for (std::int32_t i = last - 1; i >= first; --i) {
    const TreeVisit visit = c.visits[i];
    Progress hop(c.hops[c.hop[i]]);
    if (c.before) hop.arrival = load(c.before[visit.vertex]);
    Row held = load(never_row);
    if (c.sent) {
      // Hardware does not foresee the tree's order.
      const std::int32_t next = c.visits[i >= ahead ? i - ahead : 0].vertex;
      __builtin_prefetch(c.sent + next);
      __builtin_prefetch(c.before + next);
      LaneRow* const port = c.path_port + visit.level;
      if (visit.shares_port) held = load(port[-1]);
      store(*port, load(c.sent[visit.vertex]));
    }
    LaneRow* const own = c.path + visit.level * c.stops;
    if (i == *c.noisy) {
      descend<true>(hop, c, own, held);
      ++c.noisy;
      c.delay += c.stops;
    } else {
      descend<false>(hop, c, own, held);
    }
    if (c.last_arrival) store(c.last_arrival[visit.vertex], hop.arrival);
    store(arrival[i - first], hop.arrival);
  }
}

}  // namespace

const TreeKernels tree_kernels{up, down};

}  // namespace lockstep::LOCKSTEP_SIMD_LEVEL
