#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "topologies/algorithms/torus/torus_collective.hpp"
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
  TorusTrial(const TorusCollective& torus, const LinkState& links)
      : torus_(torus), rates_(torus.links_.rates(links)) {}

  void run(const MessageNoise& noise, std::int64_t first_group, std::int64_t last_group,
           const double* ready, double* finish, const Execution& /*how*/) const override {
    // Dense delays are drawn along the ranks of a group.
    const std::int64_t together = noise.hop_jitter ? 1 : torus_.groups_per_call();
    const std::int64_t ranks = torus_.grid().ranks();
    Call call;
    for (std::int64_t first = first_group; first < last_group; first += together) {
      call.first = first;
      call.groups = std::min(together, last_group - first);
      prepare(noise, ready + first * ranks, finish + first * ranks, call);
      for (const TorusBuffers::Strand& strand : torus_.buffers_.strands())
        run_strand(noise, strand, call);
      if (call.groups > 1) interleave(call.finish, ranks, call.groups, finish + first * ranks);
    }
  }

  /// The moves from the last to the first; arrays hold the ways from what run() has in them to the
  /// end.
  bool run_back(std::int64_t first_group, std::int64_t last_group, const double* after,
                double* cost) const override {
    const std::vector<TorusStep>& steps = torus_.schedule_.steps();
    if (std::ranges::find(steps, TorusMotion::exchange, &TorusStep::motion) != steps.end())
      return false;
    const std::int64_t ranks = torus_.grid().ranks();
    Call call;
    for (std::int64_t first = first_group; first < last_group; first += call.groups) {
      call.first = first;
      call.groups = std::min(torus_.groups_per_call(), last_group - first);
      prepare(MessageNoise{}, after + first * ranks, cost + first * ranks, call);
      for (const TorusBuffers::Strand& strand : torus_.buffers_.strands())
        run_strand_back(strand, call);
      if (call.groups > 1) interleave(call.finish, ranks, call.groups, cost + first * ranks);
    }
    return true;
  }

 private:
  using Move = TorusBuffers::Move;

  /// Some groups side by side: arrays are (ranks, groups) [s] unless said otherwise.
  struct Call {
    std::int64_t first = 0, groups = 0;
    const double* ready = nullptr;
    double* finish = nullptr;
    std::vector<double*> array;  ///< those of TorusBuffers
    std::unique_ptr<double[]> arrays;
    std::int64_t size = 0;  ///< room in each
    std::array<std::vector<double>, torus_dimensions>
        rate;  ///< by dimension: (lines, groups) [s/B]
    std::vector<std::array<std::vector<LineSpike>, 2>> spikes;  ///< by step and way
    std::vector<UnequalLine> unequal;
    TorusPhaseRunner runner;

    const double* of(int number) const {
      if (number == TorusBuffers::none) return nullptr;
      return number == TorusBuffers::of_ready ? ready : array[static_cast<std::size_t>(number)];
    }
  };

  void prepare(const MessageNoise& noise, const double* ready, double* finish, Call& call) const {
    const TorusGrid& grid = torus_.grid();
    const std::int64_t size = grid.ranks() * call.groups;
    const std::int64_t arrays = torus_.buffers_.arrays();
    if (call.size < size) {
      call.size = size;
      call.arrays = std::make_unique_for_overwrite<double[]>(
          static_cast<std::size_t>((arrays + (call.groups > 1 ? 2 : 0)) * size));
    }
    double* next = call.arrays.get();
    call.array.clear();
    for (std::int64_t i = 0; i < arrays; ++i)
      call.array.push_back(std::exchange(next, next + size));
    call.ready = ready;
    call.finish = finish;
    if (call.groups > 1) {
      interleave(ready, call.groups, grid.ranks(), next);
      call.ready = next;
      call.finish = next + size;
    }
    std::copy(call.ready, call.ready + size, call.finish);
    for (std::size_t d = 0; d < torus_dimensions; ++d) {
      if (grid.sides[d] == 1) continue;
      call.rate[d].resize(static_cast<std::size_t>(grid.lines(d) * call.groups));
      interleave(rates_.equal[d].data() + call.first * grid.lines(d), call.groups, grid.lines(d),
                 call.rate[d].data());
    }
    call.spikes.resize(torus_.schedule_.steps().size());
    for (auto& ways : call.spikes)
      for (auto& spikes : ways) spikes.clear();
    for (std::int64_t g = 0; g < call.groups; ++g) collect_spikes(noise, g, call);
  }

  /// The spikes of the call's group number g, by step and way.
  void collect_spikes(const MessageNoise& noise, std::int64_t g, Call& call) const {
    const TorusGrid& grid = torus_.grid();
    for (SpikeSequence spikes(noise, call.first + g, torus_.messages_per_group()); !spikes.done();
         spikes.next()) {
      const auto [s, forward, row] =
          torus_.rows_[static_cast<std::size_t>(spikes.message() / grid.ranks())];
      const std::int64_t rank = spikes.message() % grid.ranks();
      const std::size_t d = torus_.schedule_.steps()[s].dimension;
      call.spikes[s][forward ? 0 : 1].push_back(
          {row, grid.line(d, rank) * call.groups + g, grid.place(d, rank), spikes.delay()});
    }
  }

  void run_strand(const MessageNoise& noise, const TorusBuffers::Strand& strand, Call& call) const {
    const std::int64_t size = torus_.grid().ranks() * call.groups, block = 1024;  // of the cache
    for (const Move& move : strand.moves) {
      if (!move.joins) {
        run_move(noise, move, call);
        continue;
      }
      const double *a = call.of(move.part), *b = call.of(move.port);
      double* out = call.array[static_cast<std::size_t>(move.out)];
      for (std::int64_t i = 0; i < size; ++i) out[i] = std::max(a[i], b[i]);
    }
    for (std::int64_t begin = 0; begin < size; begin += block)
      for (int end : strand.ends) {
        const double* part = call.of(end);
        for (std::int64_t i = begin; i < std::min(begin + block, size); ++i)
          call.finish[i] = std::max(call.finish[i], part[i]);
      }
  }

  void run_strand_back(const TorusBuffers::Strand& strand, Call& call) const {
    const std::int64_t size = torus_.grid().ranks() * call.groups;
    for (double* array : call.array) std::fill(array, array + size, left_out);
    const auto of = [&](int number) {
      if (number == TorusBuffers::none) return static_cast<double*>(nullptr);
      return number == TorusBuffers::of_ready ? call.finish
                                              : call.array[static_cast<std::size_t>(number)];
    };
    for (int end : strand.ends) raise(of(end), call.ready, size);
    for (auto move = strand.moves.rbegin(); move != strand.moves.rend(); ++move) {
      double *const out = of(move->out), *const part = of(move->part), *const port = of(move->port);
      if (move->joins) {
        raise(part, out, size);
        raise(port, out, size);
      } else {
        const TorusStep& step = torus_.schedule_.steps()[move->step];
        const TorusPhase phase = phase_of(*move, call);
        if (torus_.schedule_.ring(step.dimension))
          call.runner.run_back(phase, call.unequal, out, part, port);
        else
          call.runner.run_line_back(phase, step.motion == TorusMotion::scatter, call.unequal, out,
                                    part, port);
      }
      // The array may hold something else before the move.
      if (out != part) std::fill(out, out + size, left_out);
    }
  }

  static void raise(double* times, const double* to, std::int64_t size) {
    for (std::int64_t i = 0; i < size; ++i) times[i] = std::max(times[i], to[i]);
  }

  /// Fills call.unequal.
  TorusPhase phase_of(const Move& move, Call& call) const {
    const TorusGrid& grid = torus_.grid();
    const TorusStep& step = torus_.schedule_.steps()[move.step];
    const std::size_t d = step.dimension;
    TorusPhase phase;
    phase.length = grid.sides[d];
    phase.inner = grid.stride[d] * call.groups;
    phase.outer = grid.lines(d) * call.groups / phase.inner;
    phase.passes = step.passes();
    phase.forward = move.forward;
    phase.bytes = step.bytes;
    phase.latency = torus_.links_.hop_latency(d);
    phase.rate = call.rate[d].data();
    phase.part = call.of(move.part);
    phase.port = call.of(move.port);
    phase.out = call.array[static_cast<std::size_t>(move.out)];
    call.unequal.clear();
    for (const TorusRates::Line& line : rates_.unequal_of(d, call.first, call.first + call.groups))
      call.unequal.push_back({line.line * call.groups + line.group - call.first, line.rate.data()});
    return phase;
  }

  void run_move(const MessageNoise& noise, const Move& move, Call& call) const {
    const TorusSchedule& schedule = torus_.schedule_;
    const TorusStep& step = schedule.steps()[move.step];
    const TorusPhase phase = phase_of(move, call);
    const bool ring = schedule.ring(step.dimension);
    const std::int64_t before =
        move.forward || !schedule.both_ways(step) ? 0 : schedule.rows_of(step);
    const DenseRows rows{noise, call.first, step.first_row + before};
    const DenseRows* dense = noise.hop_jitter ? &rows : nullptr;
    std::vector<LineSpike>& spikes = call.spikes[move.step][move.forward ? 0 : 1];
    if (step.motion == TorusMotion::exchange && ring)
      call.runner.run_ring_exchange(phase, call.unequal, spikes, dense);
    else if (step.motion == TorusMotion::exchange)
      call.runner.run_line_exchange(phase, call.unequal, spikes, dense);
    else if (ring)
      call.runner.run(phase, call.unequal, spikes, dense);
    else
      call.runner.run_line(phase, step.motion == TorusMotion::scatter, call.unequal, spikes, dense);
  }

  const TorusCollective& torus_;
  TorusRates rates_;
};

std::unique_ptr<CollectiveTrial> TorusCollective::begin_trial(const LinkState& links) const {
  return std::make_unique<TorusTrial>(*this, links);
}

}  // namespace lockstep
