#include "engine/serving/requests/request_source.hpp"

#include <algorithm>
#include <cmath>

#include "engine/base/elementary.hpp"

namespace lockstep {
namespace {

/// Whole tokens of what a law gives.
std::int32_t tokens(double value, std::int32_t least, std::int32_t most) {
  return static_cast<std::int32_t>(
      std::llround(std::clamp(value, static_cast<double>(least), static_cast<double>(most))));
}

}  // namespace

double RequestTrace::period() const {
  const auto count = static_cast<double>(time.size());
  return count > 1 ? time.back() * count / (count - 1) : 1;
}

RequestSource::RequestSource(const RequestLaw& law, double rate, std::uint64_t seed,
                             std::uint32_t trial, std::uint32_t cell)
    : law_(&law),
      rate_(rate),
      arrivals_{seed, purpose::request_arrival, trial},
      lengths_{seed, purpose::request_length, trial},
      cell_(cell),
      course_(rate, law.profile, law.variation, {seed, purpose::request_rate, trial}, cell) {
  if (!law.trace) return;
  const auto count = static_cast<double>(law.trace->time.size());
  place_ = static_cast<std::size_t>(arrivals_.uniform(entity(), 0) * count);
  round_ = -law.trace->time[place_];
}

/// Of mean 1.
double RequestSource::gap() const {
  const double cv = law_->arrival_cv;
  if (cv == 0) return 1;
  if (cv == 1) return -elementary::log(arrivals_.uniform(entity(), 0));
  const double shape = 1 / (cv * cv);
  // Shapes below 1 by the next one up and a power of a uniform.
  const double raised = shape < 1 ? shape + 1 : shape;
  const double d = raised - 1.0 / 3, c = 1 / elementary::sqrt(9 * d);
  for (std::uint32_t draw = 1;; ++draw) {
    const auto [normal, accept] = arrivals_.uniform_pair(entity(), draw);
    const double x = elementary::normal_quantile(normal);
    const double v = (1 + c * x) * (1 + c * x) * (1 + c * x);
    if (v <= 0 || elementary::log(accept) >= 0.5 * x * x + d - d * v + d * elementary::log(v))
      continue;
    const double smaller =
        shape < 1 ? elementary::pow(arrivals_.uniform(entity(), 0), 1 / shape) : 1;
    return d * v * smaller / shape;
  }
}

Arrival RequestSource::next_of_trace() {
  const RequestTrace& trace = *law_->trace;
  const double scale = trace.rate() / rate_;
  const Arrival arrival{ticks_of((round_ + trace.time[place_]) * scale), trace.input[place_],
                        trace.output[place_]};
  if (++place_ == trace.time.size()) {
    place_ = 0;
    round_ += trace.period();
  }
  return arrival;
}

Arrival RequestSource::next() {
  Arrival arrival;
  if (law_->trace) {
    arrival = next_of_trace();
  } else {
    count_ += gap();
    const auto [input, output] = lengths_.uniform_pair(entity(), 0);
    arrival = {ticks_of(course_.time_of(count_)), tokens(law_->input.sample(input), 0, 1 << 30),
               tokens(law_->output.sample(output), 1, 1 << 30)};
  }
  ++number_;
  arrival.input = std::clamp(arrival.input, law_->least_input, law_->longest - 1);
  arrival.output = std::clamp(arrival.output, 1, law_->longest - arrival.input);
  return arrival;
}

}  // namespace lockstep
