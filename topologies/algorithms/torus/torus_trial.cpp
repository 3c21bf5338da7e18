#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "topologies/algorithms/torus/torus_all_reduce.hpp"
#include "topologies/algorithms/torus/torus_phase.hpp"

namespace lockstep {
namespace {

/// to(i, row) = from(row, i).
void interleave(const double* from, std::int64_t rows, std::int64_t columns, double* to) {
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t i = 0; i < columns; ++i) to[i * rows + row] = from[row * columns + i];
}

}  // namespace

class TorusTrial final : public CollectiveTrial {
 public:
  TorusTrial(const TorusAllReduce& torus, const LinkState& links)
      : torus_(torus), rates_(torus.links_.rates(links)) {}

  void run(const MessageNoise& noise, std::int64_t first_group, std::int64_t last_group,
           const double* ready, double* finish, const Execution& /*how*/) const override {
    // Dense delays are drawn along the ranks of a group.
    const std::int64_t together = noise.hop_jitter ? 1 : torus_.groups_per_call();
    const std::int64_t ranks = torus_.grid_.ranks();
    Call call;
    for (std::int64_t first = first_group; first < last_group; first += together) {
      call.first = first;
      call.groups = std::min(together, last_group - first);
      prepare(noise, ready + first * ranks, finish + first * ranks, call);
      for (std::size_t direction : {0u, 1u}) run_direction(noise, direction, call);
      if (call.groups > 1) interleave(call.finish, ranks, call.groups, finish + first * ranks);
    }
  }

 private:
  using Phase = TorusAllReduce::Phase;

  /// Some groups side by side: arrays are (ranks, groups) [s] unless said otherwise.
  struct Call {
    std::int64_t first = 0, groups = 0;
    const double* ready = nullptr;
    double* finish = nullptr;
    std::array<double*, 3> part{};  ///< by order, of one direction: how far it has come
    double* spare = nullptr;
    std::unique_ptr<double[]> arrays;
    std::int64_t size = 0;                       ///< room in each
    std::array<std::vector<double>, 3> rate;     ///< by dimension: (lines, groups) [s/B]
    std::vector<std::vector<LineSpike>> spikes;  ///< by phase
    std::vector<UnequalLine> unequal;
    TorusPhaseRunner runner;
  };

  void prepare(const MessageNoise& noise, const double* ready, double* finish, Call& call) const {
    const TorusGrid& grid = torus_.grid_;
    const std::int64_t size = grid.ranks() * call.groups;
    if (call.size < size) {
      call.size = size;
      call.arrays = std::make_unique_for_overwrite<double[]>(static_cast<std::size_t>(6 * size));
    }
    double* array = call.arrays.get();
    for (double*& part : call.part) part = std::exchange(array, array + size);
    call.spare = std::exchange(array, array + size);
    call.ready = ready;
    call.finish = finish;
    if (call.groups > 1) {
      interleave(ready, call.groups, grid.ranks(), array);
      call.ready = array;
      call.finish = array + size;
    }
    std::copy(call.ready, call.ready + size, call.finish);
    for (std::size_t d = 0; d < 3; ++d) {
      if (grid.sides[d] == 1) continue;
      call.rate[d].resize(static_cast<std::size_t>(grid.lines(d) * call.groups));
      interleave(rates_.equal[d].data() + call.first * grid.lines(d), call.groups, grid.lines(d),
                 call.rate[d].data());
    }
    call.spikes.resize(torus_.phases_.size());
    for (auto& spikes : call.spikes) spikes.clear();
    for (std::int64_t g = 0; g < call.groups; ++g) collect_spikes(noise, g, call);
  }

  /// The spikes of the call's group number g, by phase.
  void collect_spikes(const MessageNoise& noise, std::int64_t g, Call& call) const {
    const TorusGrid& grid = torus_.grid_;
    for (SpikeSequence spikes(noise, call.first + g, torus_.messages_per_group()); !spikes.done();
         spikes.next()) {
      const auto [p, row] = torus_.rows_[static_cast<std::size_t>(spikes.message() / grid.ranks())];
      const std::int64_t rank = spikes.message() % grid.ranks();
      const Phase& phase = torus_.phases_[p];
      call.spikes[p].push_back({row, grid.line(phase.dimension, rank) * call.groups + g,
                                grid.place(phase.dimension, rank), spikes.delay()});
    }
  }

  /// The parts that go one way, round by round, and then their end into call.finish.
  void run_direction(const MessageNoise& noise, std::size_t direction, Call& call) const {
    const std::size_t orders = torus_.orders_;
    for (std::size_t round = 0; round + 1 < 2 * orders; ++round) {
      // A phase reads the times of its own part and of the one whose links it takes over, both as
      // of the round before. So the first part's go elsewhere until the last of the others, each
      // of which overwrites what the one before it was the last to read.
      for (std::size_t i = 0; i < orders; ++i) {
        const std::size_t order = i == 0 || round < orders ? i : orders - i;
        const std::size_t index = (round * orders + order) * 2 + direction;
        const std::size_t link = torus_.phases_[index].link / 2;
        const auto before = [&](std::size_t o) -> const double* {
          return round == 0 ? call.ready : call.part[o];
        };
        run_phase(noise, index, before(order), link == order ? nullptr : before(link),
                  i == 0 ? call.spare : call.part[order], call);
      }
      if (orders > 0) std::swap(call.part[0], call.spare);
    }
    const std::int64_t size = torus_.grid_.ranks() * call.groups, block = 1024;  // of the cache
    for (std::int64_t begin = 0; begin < size; begin += block)
      for (std::size_t order = 0; order < orders; ++order)
        for (std::int64_t i = begin; i < std::min(begin + block, size); ++i)
          call.finish[i] = std::max(call.finish[i], call.part[order][i]);
  }

  void run_phase(const MessageNoise& noise, std::size_t index, const double* part,
                 const double* port, double* out, Call& call) const {
    const TorusGrid& grid = torus_.grid_;
    const Phase& planned = torus_.phases_[index];
    const std::size_t d = planned.dimension;
    TorusPhase phase;
    phase.length = grid.sides[d];
    phase.inner = grid.stride[d] * call.groups;
    phase.outer = grid.lines(d) * call.groups / phase.inner;
    phase.passes = planned.passes;
    phase.forward = planned.forward;
    phase.bytes = planned.bytes;
    phase.latency = torus_.links_.hop_latency(d);
    phase.rate = call.rate[d].data();
    phase.part = part;
    phase.port = port;
    phase.out = out;
    call.unequal.clear();
    for (const TorusRates::Line& line : rates_.unequal_of(d, call.first, call.first + call.groups))
      call.unequal.push_back({line.line * call.groups + line.group - call.first, line.rate.data()});
    const DenseRows dense{noise, call.first, planned.first_row};
    call.runner.run(phase, call.unequal, call.spikes[index], noise.hop_jitter ? &dense : nullptr);
  }

  const TorusAllReduce& torus_;
  TorusRates rates_;
};

std::unique_ptr<CollectiveTrial> TorusAllReduce::begin_trial(const LinkState& links) const {
  return std::make_unique<TorusTrial>(*this, links);
}

}  // namespace lockstep
