#include "engine/job/pipeline/pipeline_order.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>

#include "engine/job/pipeline/pipeline_turns.hpp"

namespace lockstep {
namespace {

double share_of(PassPart part) {
  switch (part) {
    case PassPart::forward:
      return 1 - backward_share;
    case PassPart::backward:
      return backward_share;
    default:
      return backward_share / 2;
  }
}

/// Adds the stages' passes in turn, so that few outputs wait at a time.
class Order {
 public:
  Order(const PipelineShape& shape, std::span<const std::int64_t> groups)
      : shape_(shape), places_(shape.stages * (dual() ? 1 : shape.virtual_stages)) {
    std::size_t left = 0;
    for (std::int64_t s = 0; s < shape.stages; ++s) {
      passes_.push_back(stage_passes(shape, groups, s));
      left += passes_.back().size();
    }
    waiting_.assign(static_cast<std::size_t>(2 * places_ * shape.microbatches * (dual() ? 2 : 1)),
                    missing);
    std::vector<std::size_t> done(passes_.size(), 0);
    while (left > 0)
      for (std::int64_t s = 0; s < shape.stages; ++s)
        if (std::size_t& n = done[static_cast<std::size_t>(s)]; n < of(s).size()) {
          const std::size_t added = add(s, n);
          n += added;
          left -= added;
        }
    // Costs were numbered as they came: only now is it known how many there are.
    for (PipelineOperation& o : order.operations)
      o.time += o.stage * static_cast<std::int32_t>(order.costs.size());
  }

  PipelineOrder order;

 private:
  static constexpr std::int32_t missing = -1;

  bool dual() const { return shape_.kind == Schedule::dual; }
  const std::vector<Pass>& of(std::int64_t stage) const {
    return passes_[static_cast<std::size_t>(stage)];
  }

  std::int64_t place_of(std::int64_t stage, std::int32_t chunk) const {
    if (!dual()) return chunk * shape_.stages + stage;
    return chunk == 0 ? stage : shape_.stages - 1 - stage;
  }

  /// Where the output lies that a pass takes (before) or gives; none at the model's ends.
  std::optional<std::size_t> output_at(std::int64_t stage, const Pass& pass, bool before) const {
    if (pass.part == PassPart::weight_gradients) return std::nullopt;
    const bool back = pass.part != PassPart::forward;
    const std::int64_t place = place_of(stage, pass.chunk), step = back ? -1 : 1;
    const std::int64_t next = place + (before ? -step : step);
    if (next < 0 || next >= places_) return std::nullopt;
    const std::int64_t way = (dual() ? pass.chunk * shape_.microbatches : 0) + pass.microbatch;
    return static_cast<std::size_t>(2 * (way * places_ + (before ? next : place)) + back);
  }

  std::int32_t input_of(std::int64_t stage, const Pass& pass) const {
    const auto from = output_at(stage, pass, true);
    return from ? waiting_[*from] : PipelineOperation::no_input;
  }

  std::int32_t output_of(std::int64_t stage, const Pass& pass) {
    const auto to = output_at(stage, pass, false);
    if (!to) return PipelineOperation::no_output;
    std::int32_t slot;
    if (free_.empty()) {
      slot = static_cast<std::int32_t>(order.slots++);
    } else {
      slot = free_.back();
      free_.pop_back();
    }
    return waiting_[*to] = slot;
  }

  void release(std::int32_t input) {
    if (input != PipelineOperation::no_input) free_.push_back(input);
  }

  std::int32_t cost(double share, std::int32_t sends) {
    auto& costs = order.costs;
    const auto same = std::find_if(costs.begin(), costs.end(), [&](const OperationCost& c) {
      return c.share == share && c.sends == sends;
    });
    if (same != costs.end()) return static_cast<std::int32_t>(same - costs.begin());
    costs.push_back({share, sends});
    return static_cast<std::int32_t>(costs.size() - 1);
  }

  void emit(std::int64_t stage, std::int32_t input, std::int32_t output, double share,
            std::int32_t sends, OperationChunks chunks) {
    order.operations.push_back(
        {static_cast<std::int32_t>(stage), input, output, cost(share, sends)});
    order.chunks.push_back(chunks);
  }

  /// How many of the stage's passes could be added, from the n-th: 0 where an input is missing.
  std::size_t add(std::int64_t stage, std::size_t n) {
    const Pass& pass = of(stage)[n];
    const std::int32_t input = input_of(stage, pass);
    if (input == missing) return 0;
    if (pass.joined) return add_joined(stage, pass, input, of(stage)[n + 1]);
    release(input);
    const std::int32_t output = output_of(stage, pass);
    OperationChunks chunks;
    (pass.part == PassPart::forward ? chunks.forward : chunks.backward) = pass.chunk;
    emit(stage, input, output, share_of(pass.part), output != PipelineOperation::no_output, chunks);
    return 1;
  }

  /// Forward and backward as one, of an operation each for the second input and output.
  std::size_t add_joined(std::int64_t stage, const Pass& forward, std::int32_t input,
                         const Pass& backward) {
    const std::int32_t second = input_of(stage, backward);
    if (second == missing) return 0;
    release(input);
    release(second);
    if (input != PipelineOperation::no_input)
      emit(stage, input, PipelineOperation::no_output, 0, 0, {});
    const std::int32_t back = output_of(stage, backward), ahead = output_of(stage, forward);
    emit(stage, second, back, 1,
         (back != PipelineOperation::no_output) + (ahead != PipelineOperation::no_output),
         {forward.chunk, backward.chunk});
    if (ahead != PipelineOperation::no_output)
      emit(stage, PipelineOperation::no_input, ahead, 0, 0, {});
    return 2;
  }

  PipelineShape shape_;
  std::int64_t places_;  // of the model, one after another
  std::vector<std::vector<Pass>> passes_;
  std::vector<std::int32_t> waiting_;  // slot of each pass's output
  std::vector<std::int32_t> free_;     // slots whose output was taken
};

}  // namespace

std::vector<std::int64_t> microbatch_groups(const PipelineShape& shape) {
  const std::int64_t m = shape.microbatches;
  const std::int64_t count =
      shape.virtual_stages > 1 ? std::max<std::int64_t>(1, m / shape.stages) : 1;
  std::vector<std::int64_t> groups(static_cast<std::size_t>(count), m / count);
  for (std::int64_t g = 0; g < m % count; ++g) ++groups[static_cast<std::size_t>(g)];
  return groups;
}

PipelineOrder pipeline_order(const PipelineShape& shape, std::span<const std::int64_t> groups) {
  return Order(shape, groups).order;
}

}  // namespace lockstep
