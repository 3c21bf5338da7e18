#include "engine/training/trial/step_factors.hpp"

#include <algorithm>
#include <array>

#include "engine/base/parallel_for.hpp"
#include "engine/noise/noise.hpp"
#include "engine/training/step_kernels.hpp"

namespace lockstep {
namespace {

void draw(const Stream& stream, const Identities& who, std::uint32_t step, double sigma,
          float* less_one) {
  step_kernels().lognormals(stream, who, step, static_cast<float>(sigma),
                            static_cast<float>(-0.5 * sigma * sigma), less_one);
}

}  // namespace

StepFactors::StepFactors(const DesignPoint& point, std::uint32_t trial)
    : point_(point), stream_{point.scenario().seed, purpose::step_jitter, trial} {}

void StepFactors::begin(std::uint32_t step, bool all, const Execution& how) {
  step_ = step;
  const double sigma = point_.scenario().noise.step_jitter;
  all_drawn_ = all && sigma > 0;
  if (!all_drawn_) return;
  all_.resize(static_cast<std::size_t>(point_.layout().chips()));
  for (const auto& generation : point_.identities().generations()) {
    const std::uint32_t tiles = (generation.count() + normal_tile - 1) / normal_tile;
    parallel_for(how, tiles, [&](std::int64_t tile) {
      std::array<float, normal_tile> part;
      const std::uint32_t first = static_cast<std::uint32_t>(tile) * normal_tile;
      const std::uint32_t count = std::min(normal_tile, generation.count() - first);
      draw(stream_, {generation.identity, first, count}, step, sigma, part.data());
      for (std::uint32_t i = 0; i < count; ++i)
        if (const std::int32_t position = generation.position[first + i]; position >= 0)
          all_[static_cast<std::size_t>(position)] = part[i];
    });
  }
}

void StepFactors::at(std::span<const std::int32_t> positions, float* less_one) const {
  const Layout& layout = point_.layout();
  const double sigma = point_.scenario().noise.step_jitter;
  if (all_drawn_ || sigma == 0) {
    for (std::size_t i = 0; i < positions.size(); ++i)
      less_one[i] = all_drawn_ ? all_[static_cast<std::size_t>(positions[i])] : 0.0f;
    return;
  }
  const auto low = [&](std::size_t i) {
    return layout.entity_low[static_cast<std::size_t>(positions[i])];
  };
  const auto high = [&](std::size_t i) {
    return layout.entity_high[static_cast<std::size_t>(positions[i])];
  };
  for (std::size_t first = 0, end = 0; first < positions.size(); first = end) {
    // Neighbours are drawn together.
    for (end = first + 1;
         end < positions.size() && high(end) == high(first) && low(end) == low(end - 1) + 1;)
      ++end;
    draw(stream_, {high(first), low(first), static_cast<std::int64_t>(end - first)}, step_, sigma,
         less_one + first);
  }
}

}  // namespace lockstep
