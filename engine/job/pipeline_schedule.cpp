#include "engine/job/pipeline_schedule.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

namespace lockstep {
namespace {

/// A chunk's turn: which microbatch on which of the stage's chunks.
struct Turn {
  std::int64_t microbatch, chunk;
};

/// Forward turns in the order every stage takes them; backward ones have the chunks turned round.
std::vector<Turn> turns_of(std::int64_t groups, std::int64_t chunks, std::int64_t microbatches) {
  std::vector<Turn> turns;
  std::int64_t first = 0;
  for (std::int64_t g = 0; g < groups; ++g) {
    const std::int64_t last = first + microbatches / groups + (g < microbatches % groups);
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk)
      for (std::int64_t m = first; m < last; ++m) turns.push_back({m, chunk});
    first = last;
  }
  return turns;
}

/// The operations of all stages, each after its input and after those before it on its stage, the
/// stages in turn, so that few outputs wait at a time.
class Order {
 public:
  Order(std::int64_t stages, std::int64_t chunks, std::int64_t microbatches)
      : stages_(stages),
        chunks_(chunks),
        microbatches_(microbatches),
        groups_(chunks > 1 ? std::max<std::int64_t>(1, microbatches / stages) : 1),
        turns_(turns_of(groups_, chunks, microbatches)),
        waiting_(static_cast<std::size_t>(2 * stages * chunks * microbatches), missing) {
    std::vector<std::size_t> done(static_cast<std::size_t>(stages), 0);
    const std::size_t all = 2 * turns_.size() * done.size();
    while (operations.size() < all)
      for (std::int64_t stage = 0; stage < stages; ++stage)
        if (std::size_t& n = done[static_cast<std::size_t>(stage)]; n < 2 * turns_.size())
          n += add(stage, n);
  }

  std::vector<PipelineOperation> operations;
  std::int32_t slots = PipelineOperation::first_slot;

 private:
  static constexpr std::int32_t missing = -1;

  std::size_t at(bool backward, Turn turn, std::int64_t stage) const {
    return static_cast<std::size_t>(
        ((turn.microbatch * chunks_ + turn.chunk) * stages_ + stage) * 2 + backward);
  }

  /// The n-th operation of a stage: warm-up, forward and backward in turn, flush.
  std::pair<bool, Turn> nth(std::int64_t stage, std::size_t n) const {
    const std::size_t largest_group =
        static_cast<std::size_t>((microbatches_ + groups_ - 1) / groups_);
    const auto ahead = static_cast<std::size_t>(stages_ - stage - 1);
    const std::size_t warm_up = std::min(
        turns_.size(),
        chunks_ == 1 ? ahead : 2 * ahead + static_cast<std::size_t>(chunks_ - 1) * largest_group);
    const std::size_t paired = 2 * (turns_.size() - warm_up);
    const bool forward = n < warm_up || (n < warm_up + paired && (n - warm_up) % 2 == 0);
    if (forward) return {false, turns_[n < warm_up ? n : warm_up + (n - warm_up) / 2]};
    Turn turn = turns_[n < warm_up + paired ? (n - warm_up) / 2 : n - turns_.size()];
    turn.chunk = chunks_ - 1 - turn.chunk;
    return {true, turn};
  }

  /// Where a pass goes on: the stage and chunk after it, or before it; none at the ends.
  std::optional<std::size_t> neighbour(bool backward, Turn turn, std::int64_t stage,
                                       bool after) const {
    const std::int64_t place = turn.chunk * stages_ + stage + (backward == after ? -1 : 1);
    if (place < 0 || place >= stages_ * chunks_) return std::nullopt;
    return at(backward, {turn.microbatch, place / stages_}, place % stages_);
  }

  /// Whether it could be added: its input is there.
  bool add(std::int64_t stage, std::size_t n) {
    const auto [backward, turn] = nth(stage, n);
    std::int32_t input = PipelineOperation::no_input, output = PipelineOperation::no_output;
    if (const auto before = neighbour(backward, turn, stage, false)) {
      input = waiting_[*before];
      if (input == missing) return false;
      free_.push_back(input);
    }
    if (neighbour(backward, turn, stage, true)) {
      output = free_.empty() ? slots++ : free_.back();
      if (!free_.empty()) free_.pop_back();
      waiting_[at(backward, turn, stage)] = output;
    }
    operations.push_back({static_cast<std::int32_t>(stage), input, output, backward});
    return true;
  }

  std::int64_t stages_, chunks_, microbatches_, groups_;
  std::vector<Turn> turns_;
  std::vector<std::int32_t> waiting_;  // slot of each operation's output
  std::vector<std::int32_t> free_;     // slots whose output was taken
};

}  // namespace

PipelineSchedule::PipelineSchedule(std::int64_t stages, std::int64_t virtual_stages,
                                   std::int64_t microbatches)
    : stages_(stages), virtual_stages_(virtual_stages), microbatches_(microbatches) {
  const std::int64_t fitting = most_operations / (2 * stages * virtual_stages);
  if (microbatches <= fitting)
    evaluated_ = microbatches;
  else if (fitting >= 2 * stages)
    evaluated_ = microbatches - (microbatches - fitting + stages - 1) / stages * stages;
  if (stages == 1 || evaluated_ == 0) return;
  Order order(stages, virtual_stages, evaluated_);
  operations_ = std::move(order.operations);
  slots_ = order.slots;
}

double PipelineSchedule::even_length(std::int64_t stages, std::int64_t virtual_stages,
                                     double microbatches) {
  const auto p = static_cast<double>(stages);
  return std::max(microbatches, p) +
         (std::min(microbatches, p) - 1) / static_cast<double>(virtual_stages);
}

double PipelineSchedule::most_microbatches(std::int64_t stages, std::int64_t virtual_stages,
                                           double length) {
  const auto p = static_cast<double>(stages), v = static_cast<double>(virtual_stages);
  const double full = length - (p - 1) / v;
  return std::floor(full >= p ? full : std::min(p, 1 + v * (length - p)));
}

double PipelineSchedule::bound(std::span<const double> stage_time) const {
  double sum = 0, slowest = 0;
  for (double time : stage_time) {
    sum += time;
    slowest = std::max(slowest, time);
  }
  if (stages_ == 1) return slowest;
  // m slowest + (sum - slowest) / V, and nothing is faster than one microbatch's way.
  const auto m = static_cast<double>(microbatches_), v = static_cast<double>(virtual_stages_);
  return (m * slowest + sum - slowest) / (v * m) + (1 - 1 / v) * std::max(sum / m, slowest);
}

double PipelineSchedule::end(std::span<const double> stage_time) const {
  double end = 0;
  const std::int32_t only = 0;
  ends(stage_time.data(), 1, {&only, 1}, &end);
  return end;
}

void PipelineSchedule::ends(const double* stage_time, std::int64_t row,
                            std::span<const std::int32_t> replicas, double* end) const {
  const auto stages = static_cast<std::size_t>(stages_);
  if (operations_.empty()) {
    std::vector<double> own(stages);
    for (std::int32_t r : replicas) {
      for (std::size_t s = 0; s < stages; ++s)
        own[s] = stage_time[static_cast<std::int64_t>(s) * row + r];
      end[r] = bound(own);
    }
    return;
  }
  constexpr auto width = static_cast<std::size_t>(pipeline_lanes);
  const auto m = static_cast<double>(microbatches_);
  const double forward = (1 - backward_share) / (m * static_cast<double>(virtual_stages_));
  const double backward = backward_share / (m * static_cast<double>(virtual_stages_));
  const double left_over = (m - static_cast<double>(evaluated_)) / m;
  std::vector<PipelineLanes> times(2 * stages), clocks(stages);
  std::vector<PipelineLanes> slots(static_cast<std::size_t>(slots_));
  for (std::size_t first = 0; first < replicas.size(); first += width) {
    const auto tile = replicas.subspan(first, std::min(width, replicas.size() - first));
    PipelineLanes slowest{};
    for (std::size_t s = 0; s < stages; ++s)
      for (std::size_t lane = 0; lane < width; ++lane) {
        const std::int32_t replica = tile[std::min(lane, tile.size() - 1)];
        const double time = stage_time[static_cast<std::int64_t>(s) * row + replica];
        times[2 * s].lane[lane] = forward * time;
        times[2 * s + 1].lane[lane] = backward * time;
        slowest.lane[lane] = std::max(slowest.lane[lane], time);
      }
    std::fill(clocks.begin(), clocks.end(), PipelineLanes{});
    pipeline_kernels().run(operations_.data(), static_cast<std::int64_t>(operations_.size()),
                           times.data(), clocks.data(), slots.data());
    // The first stage ends last: it gives every microbatch back.
    for (std::size_t lane = 0; lane < tile.size(); ++lane)
      end[tile[lane]] = clocks.front().lane[lane] + left_over * slowest.lane[lane];
  }
}

}  // namespace lockstep
