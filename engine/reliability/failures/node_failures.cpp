#include "engine/reliability/failures/node_failures.hpp"

#include <algorithm>
#include <limits>

#include "engine/base/elementary.hpp"

namespace lockstep {
namespace {

constexpr double never = std::numeric_limits<double>::infinity();

std::size_t index(std::int64_t node) {
  return static_cast<std::size_t>(node);
}

}  // namespace

NodeFailures::NodeFailures(const Reliability& reliability, const LongRunJob& job,
                           std::uint64_t seed, std::uint32_t trial)
    : rates_(node_rates(reliability, job)),
      nodes_{seed, purpose::node_failure, trial},
      lemons_{seed, purpose::lemon_node, trial},
      horizon_(reliability.horizon),
      shape_(reliability.failure_shape),
      lemon_fraction_(reliability.rates.lemon_fraction),
      lemon_factor_(reliability.rates.lemon_factor),
      event_{.time = never} {
  if (shape_ != 1) {
    // The mean of the law is scale Gamma(1 + 1/shape).
    mean_of_scale_ = elementary::exp(elementary::lgamma(1 + 1 / shape_));
    begin_lives();
    return;
  }
  events_.emplace(nodes_, rates_.total(), horizon_);
  event_ = events_->next();
  if (lemon_fraction_ > 0 && lemon_factor_ > 1) begin_lives();
}

void NodeFailures::begin_lives() {
  lives_.assign(index(rates_.count()), 0);
  for (const NodeRuns::Run& run : rates_.runs()) {
    if (run.each == 0) continue;
    const Remaining usual = remaining(1 / (run.each * mean_of_scale_));
    const Remaining of_lemon = remaining(usual.scale / lemon_factor_);
    for (std::int64_t node = run.first; node < run.last; ++node)
      if (events_)
        begin_life(0, node, run.each);
      else
        add({first_failure(node, is_lemon(node, 0) ? of_lemon : usual), node, 0});
  }
}

NodeFailure NodeFailures::next() {
  while (!coming_.empty() && coming_.front().time <= event_.time) {
    std::pop_heap(coming_.begin(), coming_.end(), is_later);
    const Coming first = coming_.back();
    coming_.pop_back();
    if (first.life != lives_[index(first.node)]) continue;  // that lemon has failed before
    ++lives_[index(first.node)];
    begin_life(first.time, first.node, rates_.of(first.node));
    return {first.time, first.node};
  }
  if (event_.time == never) return {never, 0};
  const NodeFailure failure{event_.time, rates_.at(event_.mark)};
  event_ = events_->next();
  if (!lives_.empty()) {
    ++lives_[index(failure.node)];
    begin_life(failure.time, failure.node, rates_.of(failure.node));
  }
  return failure;
}

/// A node comes at `now`. Exponential: of its failures only those that it has as a lemon.
void NodeFailures::begin_life(double now, std::int64_t node, double rate) {
  const std::uint32_t life = lives_[index(node)];
  const auto place = static_cast<std::uint64_t>(node);
  if (events_) {
    if (is_lemon(node, life))
      add({now -
               elementary::log(lemons_.uniform_pair(place, life)[1]) / ((lemon_factor_ - 1) * rate),
           node, life});
    return;
  }
  const double shorter = is_lemon(node, life) ? lemon_factor_ : 1;
  const double hazard = -elementary::log(nodes_.uniform(place, life));
  const double scale = 1 / (rate * mean_of_scale_) / shorter;
  add({now + scale * elementary::pow(hazard, 1 / shape_), node, life});
}

bool NodeFailures::is_lemon(std::int64_t node, std::uint32_t life) const {
  return lemon_fraction_ > 0 &&
         lemons_.uniform(static_cast<std::uint64_t>(node), life) < lemon_fraction_;
}

NodeFailures::Remaining NodeFailures::remaining(double scale) const {
  return {scale, elementary::gamma_p(1 / shape_, elementary::pow(horizon_ / scale, shape_))};
}

double NodeFailures::first_failure(std::int64_t node, const Remaining& law) const {
  const double u = nodes_.uniform(static_cast<std::uint64_t>(node), 0);
  if (u >= law.within) return never;
  return law.scale * elementary::pow(elementary::gamma_p_inverse(1 / shape_, u), 1 / shape_);
}

bool NodeFailures::is_later(const Coming& a, const Coming& b) {
  return a.time != b.time ? a.time > b.time : a.node > b.node;
}

void NodeFailures::add(const Coming& coming) {
  if (coming.time >= horizon_) return;
  coming_.push_back(coming);
  std::push_heap(coming_.begin(), coming_.end(), is_later);
}

double mean_failure_rate(const Reliability& reliability, double rate) {
  const double q = reliability.rates.lemon_fraction, f = reliability.rates.lemon_factor;
  if (q == 0 || rate == 0) return rate;
  const double to_stationary = f * (1 - q) + q;
  const double stationary = q / to_stationary;
  const double x = rate * to_stationary * reliability.horizon;
  const double lemons = stationary - (q - stationary) * elementary::expm1(-x) / x;
  return rate * (1 + (f - 1) * lemons);
}

NodeRuns node_rates(const Reliability& reliability, const LongRunJob& job) {
  if (job.node_rates.count() > 0) return job.node_rates;
  NodeRuns rates;
  rates.add(job.nodes, reliability.node_failure_rate);
  return rates;
}

}  // namespace lockstep
