#include "engine/job/pipeline/pipeline_turns.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <deque>

namespace lockstep {
namespace {

/// A chunk's turn: which microbatch on which of the stage's chunks.
struct Turn {
  std::int32_t chunk, microbatch;
};

/// Forward turns in the order every stage takes them; backward ones have the chunks turned round.
std::vector<Turn> turns_of(std::span<const std::int64_t> groups, std::int64_t chunks) {
  std::vector<Turn> turns;
  std::int64_t first = 0;
  for (std::int64_t size : groups) {
    for (std::int32_t chunk = 0; chunk < chunks; ++chunk)
      for (std::int64_t m = first; m < first + size; ++m)
        turns.push_back({chunk, static_cast<std::int32_t>(m)});
    first += size;
  }
  return turns;
}

/// Warm-up with forward passes, forward and backward in turn, flush. `weights_later`: a backward
/// pass leaves its weight gradients to the one so many after it; never where it is whole.
std::vector<Pass> one_forward_one_backward(const std::vector<Turn>& turns, std::int32_t chunks,
                                           std::size_t warm_up, bool whole,
                                           std::size_t weights_later) {
  std::vector<Pass> passes;
  std::size_t done = 0, weights = 0;
  const auto back = [&](PassPart part, std::size_t i) {
    passes.push_back({part, chunks - 1 - turns[i].chunk, turns[i].microbatch});
  };
  const auto backward = [&] {
    back(whole ? PassPart::backward : PassPart::input_gradients, done++);
    if (!whole && done > weights_later) back(PassPart::weight_gradients, weights++);
  };
  for (std::size_t i = 0; i < turns.size(); ++i) {
    passes.push_back({PassPart::forward, turns[i].chunk, turns[i].microbatch});
    if (i >= warm_up) backward();
  }
  while (done < turns.size()) backward();
  while (!whole && weights < turns.size()) back(PassPart::weight_gradients, weights++);
  return passes;
}

/// DualPipe's order. `near` is the direction whose microbatches come in on the chip's own half of
/// the pipeline, `far` the other one. Microbatches past those there are leave no trace.
class DualPasses {
 public:
  DualPasses(const PipelineShape& shape, std::int64_t stage)
      : there_{(shape.microbatches + 1) / 2, shape.microbatches / 2},
        near_(stage < shape.stages / 2 ? 0 : 1) {
    const std::int64_t half = shape.stages / 2;
    const std::int64_t inside = std::min(stage, shape.stages - 1 - stage);  // from its end
    const std::int64_t outside = half - 1 - inside;                         // from the middle
    const std::int64_t planned = std::max(shape.stages, there_[0]);
    const std::int32_t near = near_, far = 1 - near_;
    for (std::int64_t i = 0; i < 2 * outside; ++i) forward(near);
    for (std::int64_t i = 0; i <= inside; ++i) {
      forward(near);
      forward(far);
    }
    for (std::int64_t i = 0; i < outside; ++i) {
      backward(far, true);
      weights();
      forward(far);
    }
    for (std::int64_t i = 0; i < planned - shape.stages + inside + 1; ++i) {
      const bool apart = i == 0 && outside == 0;
      both(near, far, !apart);
      both(far, near, true);
    }
    for (std::int64_t i = 0; i < outside; ++i) {
      backward(far, false);
      both(far, near, true);
    }
    // Weight gradients of the second half wait until inputs would be waited for.
    for (std::int64_t i = 0; i < 2 * (inside + 1); ++i)
      backward(i % 2 == 0 ? far : near, i > inside);
    for (std::int64_t i = 0; i < outside; ++i) {
      weights();
      backward(near, true);
    }
    for (std::int64_t i = 0; i <= inside; ++i) weights();
  }

  std::vector<Pass> passes;

 private:
  bool is_there(std::int32_t direction, std::int64_t microbatch) const {
    return microbatch < there_[static_cast<std::size_t>(direction)];
  }
  void add(PassPart part, std::int32_t direction, std::int64_t microbatch, bool joined = false) {
    if (is_there(direction, microbatch))
      passes.push_back({part, direction, static_cast<std::int32_t>(microbatch), joined});
  }
  void forward(std::int32_t direction) {
    add(PassPart::forward, direction, forward_[static_cast<std::size_t>(direction)]++);
  }
  void backward(std::int32_t direction, bool split) {
    const std::int64_t microbatch = backward_[static_cast<std::size_t>(direction)]++;
    add(split ? PassPart::input_gradients : PassPart::backward, direction, microbatch);
    if (split) waiting_.push_back({direction, static_cast<std::int32_t>(microbatch)});
  }
  void both(std::int32_t ahead, std::int32_t back, bool joined) {
    const std::int64_t f = forward_[static_cast<std::size_t>(ahead)]++;
    const std::int64_t b = backward_[static_cast<std::size_t>(back)]++;
    add(PassPart::forward, ahead, f, joined && is_there(back, b));
    add(PassPart::backward, back, b);
  }
  void weights() {
    const Turn turn = waiting_.front();
    waiting_.pop_front();
    add(PassPart::weight_gradients, turn.chunk, turn.microbatch);
  }

  std::array<std::int64_t, 2> there_, forward_{}, backward_{};
  std::int32_t near_;
  std::deque<Turn> waiting_;
};

}  // namespace

std::vector<Pass> stage_passes(const PipelineShape& shape, std::span<const std::int64_t> groups,
                               std::int64_t stage) {
  if (shape.kind == Schedule::dual && shape.stages > 1) return DualPasses(shape, stage).passes;
  const std::vector<Turn> turns = turns_of(groups, shape.virtual_stages);
  const std::int64_t ahead = shape.stages - stage - 1;
  const std::int64_t warm_up =
      shape.virtual_stages == 1 ? ahead : 2 * ahead + (shape.virtual_stages - 1) * groups.front();
  return one_forward_one_backward(turns, static_cast<std::int32_t>(shape.virtual_stages),
                                  std::min(turns.size(), static_cast<std::size_t>(warm_up)),
                                  shape.kind == Schedule::interleaved,
                                  static_cast<std::size_t>(stage));
}

}  // namespace lockstep
