#include "engine/job/stages.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace lockstep {
namespace {

/// Layers in the chunks of a model.
struct Chunks {
  double layers, chunks;

  bool counts_ends() const { return std::fmod(layers + 2, chunks) == 0; }
  /// First layer of chunk j; that of the one past the last is `layers`.
  double first(double j) const {
    if (counts_ends()) return std::clamp(j * (layers + 2) / chunks - 1, 0.0, layers);
    return j * std::floor(layers / chunks) + std::min(j, std::fmod(layers, chunks));
  }
};

/// FLOPs of a token in a layer without experts, in one with them, in its routed experts, and in the
/// head, at a pace.
struct LayerFlops {
  double dense, moe, experts, head;

  LayerFlops(const Job& job, const FlopPace& pace) {
    const Model& model = job.model;
    const double again = recompute_factor(job.recompute);
    const double attention =
        pace.attention *
        (model.layers > 0 ? model.attention_flops() / model.layers : model.attention_flops());
    experts = again * 6 * model.top_k * model.expert;
    dense = again * (6 * model.dense_layer + attention);
    moe = again * (6 * model.common + attention) + experts;
    head = pace.head * 6 * model.embedding_parameters();
  }
  double of(const Stage& stage) const {
    return stage.dense_layers * dense + stage.moe_layers * moe + stage.head * head;
  }
};

}  // namespace

std::vector<Stage> stages_of(const Job& job) {
  const auto p = static_cast<double>(job.pipeline), v = static_cast<double>(job.virtual_stages);
  const Chunks chunks{job.model.layers, p * v};
  std::vector<Stage> stages(static_cast<std::size_t>(job.pipeline));
  for (std::size_t s = 0; s < stages.size(); ++s)
    for (double j = static_cast<double>(s); j < p * v; j += p) {
      const double first = chunks.first(j), end = chunks.first(j + 1);
      const double dense = std::clamp(job.model.dense_layers, first, end) - first;
      stages[s].dense_layers += dense;
      stages[s].moe_layers += end - first - dense;
    }
  stages.front().embedding = stages.back().head = 1;
  return stages;
}

double recompute_factor(Recompute recompute) {
  constexpr double attention_again = 1.03, forward_again = 4.0 / 3;
  switch (recompute) {
    case Recompute::selective:
      return attention_again;
    case Recompute::full:
      return forward_again;
    case Recompute::none:
      break;
  }
  return 1;
}

FlopPace flop_pace(const Job& job, double wide) {
  const double attention = job.attention_efficiency.value_or(job.kernel_efficiency);
  return {wide * job.kernel_efficiency / attention, wide};
}

double computed_flops_per_token(const Job& job, const FlopPace& pace) {
  const double head = 6 * job.model.embedding_parameters();
  const double attention = job.model.attention_flops();
  return (job.model.flops_per_token() - head + (pace.attention - 1) * attention) *
             recompute_factor(job.recompute) +
         pace.head * head;
}

double attention_share(const Job& job) {
  const FlopPace pace = flop_pace(job);
  return pace.attention * job.model.attention_flops() * recompute_factor(job.recompute) /
         computed_flops_per_token(job, pace);
}

std::vector<double> expert_shares(const Job& job) {
  const LayerFlops flops(job, flop_pace(job));
  std::vector<double> shares;
  for (const Stage& stage : stages_of(job)) {
    const double all = flops.of(stage);
    shares.push_back(all > 0 ? stage.moe_layers * flops.experts / all : 0);
  }
  return shares;
}

std::vector<double> stage_shares(const Job& job, const FlopPace& pace) {
  std::vector<double> shares;
  if (job.stage_imbalance) {
    shares.assign(static_cast<std::size_t>(job.pipeline), 1.0);
    shares.back() += job.pipeline > 1 ? *job.stage_imbalance : 0;
  } else {
    const LayerFlops flops(job, pace);
    for (const Stage& stage : stages_of(job)) shares.push_back(flops.of(stage));
  }
  if (job.schedule == Schedule::dual) {
    std::vector<double> mirrored(shares.rbegin(), shares.rend());
    for (std::size_t s = 0; s < shares.size(); ++s) shares[s] = (shares[s] + mirrored[s]) / 2;
  }
  const double mean =
      std::accumulate(shares.begin(), shares.end(), 0.0) / static_cast<double>(shares.size());
  for (double& share : shares) share = mean > 0 ? share / mean : 1;
  return shares;
}

}  // namespace lockstep
