#include "engine/serving/serving_metrics.hpp"

#include "engine/serving/sketch/quantile_sketch.hpp"

namespace lockstep {
namespace {

using T = ServedTrial;

template <auto member>
std::span<const double> values(const T& trial) {
  if constexpr (std::is_same_v<decltype(trial.*member), const double&>)
    return std::span(&(trial.*member), 1);
  else
    return std::span(trial.*member);
}

Metric row(std::string_view name, std::string_view unit, std::string_view meaning) {
  return {.variable = {std::string(name), {}, std::string(unit), std::string(meaning)},
          .support = Support::quantity()};
}

Metric by(std::string_view extent, Metric metric) {
  metric.variable.extents = {std::string(extent)};
  metric.of_each_trial = false;
  return metric;
}

/// All or nothing of it in a trial is no proof that another has as much.
Metric share(Metric metric) {
  metric.support = Support::share();
  return metric;
}

/// Moved by what may be too rare to be seen in any trial.
Metric rare(Support support, Metric metric) {
  metric.support = support;
  return metric;
}

/// Without a long run nothing fails.
Support of_failures(Support support, const PointParameters& parameters, std::string_view) {
  return parameters.text("reliability.horizon") == "none" ? Support::quantity() : support;
}

Metric by_failures(Metric metric) {
  metric.at = of_failures;
  return rare(Support::loss(1), std::move(metric));
}

/// NaN in a trial that has none.
Metric where_any(Metric metric) {
  metric.of_each_trial = false;
  return metric;
}

constexpr std::string_view quantile = "latency_quantile";

Metric latency(Metric metric) {
  metric.support.within = QuantileSketch::relative_error;
  return by(quantile, std::move(metric));
}

}  // namespace

std::span<const MetricOf<ServedTrial>> serving_metrics() {
  constexpr std::string_view generation = generation_extent;
  static const std::vector<MetricOf<ServedTrial>> rows{
      {row("serving_request_rate", "1/s", "requests that the fleet completes"),
       values<&T::request_rate>},
      {row("serving_output_rate", "1/s", "tokens that it makes"), values<&T::output_rate>},
      {row("serving_input_rate", "1/s", "tokens of the prompts of completed requests"),
       values<&T::input_rate>},
      {row("serving_rated_share", "1",
           "serving_output_rate over the rated one: all generations without noise at "
           "serving.token_limit"),
       values<&T::rated_share>},
      {row("serving_goodput", "1/s", "completed requests within both limits"), values<&T::goodput>},
      {latency(row("time_to_first_token", "s",
                   "from a request's arrival to its first token, within 0.5 %")),
       values<&T::first_token>},
      {latency(row("time_per_token", "s",
                   "from a request's first token to its last, over those after the first, "
                   "within 0.5 %; of requests of two tokens or more")),
       values<&T::per_token>},
      {by(generation,
          row("serving_utilization", "1", "tokens that a generation makes over its rated ones")),
       values<&T::utilization>},
      {by(generation, share(row("serving_busy_share", "1",
                                "share of time in which its replicas have a request"))),
       values<&T::busy_share>},
      {by(generation, row("serving_output_rate_by_generation", "1/s", "tokens that it makes")),
       values<&T::output_rate_by_generation>},
      {by(generation, row("serving_batch", "1", "requests in a replica's batch, mean over time")),
       values<&T::batch>},
      {by(generation, share(row("serving_context_share", "1",
                                "tokens of context held over those that fit, mean over time"))),
       values<&T::context_share>},
      {rare(Support::loss(1),
            row("requests_lost", "1", "requests refused or lost over those that leave")),
       values<&T::lost>},
      {rare(Support::count(),
            row("requests_preempted", "1", "preemptions over completed requests")),
       values<&T::preempted>},
      {by_failures(row("serving_down_share", "1", "share of replicas' time down after failures")),
       values<&T::down>},
      {row("serving_power", "W",
           "of the fleet that serves, at the site's meter: power.compute while products are "
           "computed, power.communication in the rest of iterations, else a context's"),
       values<&T::power>},
      {where_any(row("serving_energy_per_token", "J", "serving_power over serving_output_rate")),
       values<&T::energy_per_token>},
      {row("serving_tokens_per_joule", "1/J", "serving_output_rate over serving_power"),
       values<&T::tokens_per_joule>},
      {rare(Support::yes_or_no(),
            row("serving_overloaded", "1",
                "1 where requests pile up: the backlog of some cell, or of a generation in it, "
                "grows over the window by more than 1 % of its arrivals and eight standard "
                "deviations of them")),
       values<&T::overloaded>},
  };
  return rows;
}

std::vector<Extent> serving_extents() {
  std::vector<std::string> names;
  for (const LatencyLevel& level : latency_levels) names.emplace_back(level.name);
  return {{std::string(quantile), names, "quantile of requests"}};
}

}  // namespace lockstep
