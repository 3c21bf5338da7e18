#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/network/collective.hpp"
#include "topologies/algorithms/torus/torus_kernels.hpp"
#include "topologies/algorithms/torus/torus_long_line.hpp"

namespace lockstep {

/// The dense delays of a phase's messages, numbered along its rows of ranks. One group.
struct DenseRows {
  const MessageNoise& noise;
  std::int64_t group;
  std::int64_t first_row;
};

/// The spikes of a phase of one group and one pass, its messages numbered along its rows of ranks
/// from `first_message` on. `spikes` stands at or after the first and is left after the last.
std::vector<LineSpike> take_spikes(SpikeSequence& spikes, const TorusPhase& phase,
                                   std::int64_t first_message);

/// Message n on a line in an all-to-all: number among those into the place before; -1 where the
/// sender is that place.
constexpr std::int64_t message_before(std::int64_t n, std::int64_t place, std::int64_t length) {
  const std::int64_t sender = n / (length - place), receiver = n % (length - place);
  return sender == 0 ? -1 : (sender - 1) * (length - place + 1) + receiver;
}

/// Runs phases: in closed form the lines with equal hops on which no spike falls, by their chains
/// the other long ones (TorusLongLine), row by row the rest, all of them under dense delays. What a
/// line gets depends on nothing beside it.
class TorusPhaseRunner {
 public:
  /// `spikes` in any order before and after; `dense` or null. Cost: run_equal_hops, to that 0.2 ns
  /// for each message of a line that is run row by row, and RingChains'.
  void run(const TorusPhase& phase, std::span<const UnequalLine> unequal,
           std::span<LineSpike> spikes, const DenseRows* dense);
  /// The same on lines without the hop from end to beginning, one way: a reduce-scatter, or an
  /// all-gather, of what is there for that end. TorusSchedule::leads_into says which places a row
  /// leads into. Row by row.
  void run_line(const TorusPhase& phase, bool scatter, std::span<const UnequalLine> unequal,
                std::span<LineSpike> spikes, const DenseRows* dense);
  /// All-to-all along rings, one way: row k of length / 2 carries exchange_blocks of phase.bytes.
  void run_ring_exchange(const TorusPhase& phase, std::span<const UnequalLine> unequal,
                         std::span<LineSpike> spikes, const DenseRows* dense);
  /// All-to-all along lines, one way: into the place m hops from the beginning m (length - m)
  /// messages, one for each pair of ranks that the link parts. The nearest sender's come first,
  /// in each those that go farthest; message n, of the k-th nearest sender, follows the same one's
  /// into the place before.
  void run_line_exchange(const TorusPhase& phase, std::span<const UnequalLine> unequal,
                         std::span<LineSpike> spikes, const DenseRows* dense);

  /// CollectiveTrial::run_back of a ring's phase, and of a line's: raises what its `part` and, if
  /// it has one, its `port` are away from the end to what follows from `after`, that of its `out`;
  /// all (outer, length, inner) [s]; `part` may be `after`. The phase's own arrays are not looked
  /// at.
  void run_back(const TorusPhase& phase, std::span<const UnequalLine> unequal, const double* after,
                double* part, double* port);
  void run_line_back(const TorusPhase& phase, bool scatter, std::span<const UnequalLine> unequal,
                     const double* after, double* part, double* port);

 private:
  using Lines = std::span<const UnequalLine>;

  void run_some(const TorusPhase& phase, Lines lines, std::span<LineSpike> spikes);
  void run_some_back(const TorusPhase& phase, Lines lines, const double* after, const double* part,
                     const double* port);
  void find_first_ranks(const TorusPhase& phase, Lines lines);
  static void put_back(const TorusPhase& phase, Lines lines, const std::vector<double>& from,
                       double* to);
  void run_all(const TorusPhase& phase, Lines unequal, std::span<const LineSpike> spikes,
               const DenseRows& dense);
  void set_rates(const TorusPhase& phase, Lines unequal);
  template <class AddNoise>
  void run_rows(TorusRow row, const std::vector<double>& own, std::int64_t rows,
                const AddNoise& add_noise);

  TorusLongLine long_line_;
  std::vector<std::int64_t> first_;  // rank of each of some lines
  std::vector<double> scratch_;
  std::vector<UnequalLine> lines_;  // with an event; rate null: equal hops
  std::vector<double> done_;        // when their ranks have got the last message [s]
  std::vector<double> state_, own_, next_, rate_;
};

}  // namespace lockstep
