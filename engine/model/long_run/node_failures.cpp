#include "engine/model/long_run/node_failures.hpp"

#include <algorithm>
#include <limits>

#include "engine/base/elementary.hpp"

namespace lockstep {
namespace {

constexpr double never = std::numeric_limits<double>::infinity();

bool later(const NodeFailure& a, const NodeFailure& b) {
  return a.time != b.time ? a.time > b.time : a.node > b.node;
}

}  // namespace

NodeFailures::NodeFailures(const Reliability& reliability, std::int64_t nodes, const Stream& stream)
    : stream_(stream),
      nodes_(static_cast<double>(nodes)),
      rate_(reliability.node_failure_rate),
      horizon_(reliability.horizon),
      shape_(reliability.failure_shape) {
  if (shape_ == 1 || rate_ == 0) return;
  // The mean of the law is scale Gamma(1 + 1/shape); what is left of a lifetime at the start is
  // below x with probability P(1/shape, (x/scale)^shape).
  scale_ = 1 / (rate_ * elementary::exp(elementary::lgamma(1 + 1 / shape_)));
  const double within = elementary::gamma_p(1 / shape_, elementary::pow(horizon_ / scale_, shape_));
  draws_.assign(static_cast<std::size_t>(nodes), 1);
  for (std::int64_t node = 0; node < nodes; ++node) {
    const double u = stream_.uniform(static_cast<std::uint64_t>(node), 0);
    if (u >= within) continue;
    const double hazard = elementary::gamma_p_inverse(1 / shape_, u);
    coming_.push_back({scale_ * elementary::pow(hazard, 1 / shape_), node});
  }
  std::make_heap(coming_.begin(), coming_.end(), later);
}

NodeFailure NodeFailures::next() {
  if (rate_ == 0) return {never, 0};
  return shape_ == 1 ? next_exponential() : next_weibull();
}

NodeFailure NodeFailures::next_exponential() {
  const auto [gap, place] = stream_.uniform_pair(0, draw_++);
  now_ -= elementary::log(gap) / (nodes_ * rate_);
  return {now_ < horizon_ ? now_ : never, static_cast<std::int64_t>(place * nodes_)};
}

NodeFailure NodeFailures::next_weibull() {
  if (coming_.empty()) return {never, 0};
  std::pop_heap(coming_.begin(), coming_.end(), later);
  const NodeFailure failure = coming_.back();
  coming_.pop_back();
  const auto place = static_cast<std::uint64_t>(failure.node);
  const double u = stream_.uniform(place, draws_[place]++);
  const double lifetime = scale_ * elementary::pow(-elementary::log(u), 1 / shape_);
  if (failure.time + lifetime < horizon_) {
    coming_.push_back({failure.time + lifetime, failure.node});
    std::push_heap(coming_.begin(), coming_.end(), later);
  }
  return failure;
}

}  // namespace lockstep
