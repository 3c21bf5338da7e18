#include "engine/serving/replica/replica_sorts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/base/error.hpp"
#include "engine/base/text/quantity.hpp"
#include "engine/base/text/text.hpp"
#include "engine/serving/replica/iteration_laws.hpp"

namespace lockstep {
namespace {

constexpr double longest_iteration = 100;  // of one that clocks can count a request's of [s]

/// Of an iteration with so many sequences, fractions of one too.
double time_of(const ReplicaSort& sort, const RequestMeans& means, double sequences) {
  const double tokens = sequences * (means.input + means.output - 1) / means.output;
  // Between whole numbers of tokens by a line.
  const double below = std::floor(tokens);
  const auto whole = static_cast<std::int64_t>(below);
  const double low = sort.law.time(whole), high = sort.law.time(whole + 1);
  return low + (high - low) * (tokens - below) + sort.law.per_context * sequences * means.context;
}

RatedPoint point(const ReplicaSort& sort, const RequestMeans& means, double sequences) {
  const double time = time_of(sort, means, sequences);
  return {sequences, time, sequences / (time * means.output)};
}

/// The largest x in (0, most] where f(x) holds, which does up to some x.
template <class Function>
double largest(double most, const Function& holds) {
  if (holds(most)) return most;
  double low = 0, high = most;
  for (int i = 0; i < 100; ++i) {
    const double middle = 0.5 * (low + high);
    (holds(middle) ? low : high) = middle;
  }
  return low;
}

double most_sequences(const ReplicaSort& sort, const RequestMeans& means) {
  double most = std::min(static_cast<double>(sort.most_sequences),
                         static_cast<double>(sort.context_tokens) / std::max(1.0, means.context));
  if (means.input > 0)
    most = std::min(most, static_cast<double>(sort.chunk) * means.output / means.input);
  return most;
}

std::int64_t fewest_chips(const Serving& serving, const Chip& chip) {
  const double weights = serving.model.parameters * weight_bytes(serving.model, chip);
  const double room = chip.hbm * serving.memory_share * serving.weights_share;
  std::int64_t chips = 1;
  while (static_cast<double>(chips) * room < weights) {
    chips *= 2;
    if (static_cast<double>(chips) > chip.scale_up_domain)
      throw InputError(fmt::format(
          "serving.model_parameters = {:.6g} (its weights of {} do not fit into {} of a scale-up "
          "domain of {} {}: serving.memory_share = {:.6g} x serving.weights_share = {:.6g} of HBM) "
          "serve a smaller one, with fewer serving.weight_bytes, raise a share, set "
          "serving.chips_per_replica, or leave {} out",
          serving.model.parameters, format_rounded(weights, Dimension::bytes),
          format_rounded(chip.scale_up_domain * room, Dimension::bytes), chip.scale_up_domain,
          chip.name, serving.memory_share, serving.weights_share, chip.name));
  }
  return chips;
}

/// `all_reduces` of so many chips, up to so many tokens.
GenerationReplicas replicas_of(
    const Chip& chip, const Serving& serving, const RequestMeans& means, double speed,
    const std::function<std::vector<double>(std::int64_t, std::int64_t)>& all_reduces) {
  const bool is_apart = is_roofline(serving, chip);  // from what chips say to each other
  GenerationReplicas all;
  all.chips = serving.chips_per_replica.value_or(0);
  if (all.chips == 0) all.chips = fewest_chips(serving, chip);
  if (static_cast<double>(all.chips) > chip.scale_up_domain && !is_apart)
    throw InputError(fmt::format(
        "serving.chips_per_replica = {} (a scale-up domain of {} has {} chips, and no calibration "
        "knows what is beyond) take fewer, or serving.law = roofline",
        all.chips, chip.name, chip.scale_up_domain));
  const double memory = static_cast<double>(all.chips) * chip.hbm * serving.memory_share;
  const double contexts = memory - serving.model.parameters * weight_bytes(serving.model, chip);
  const double tokens = std::floor(contexts / serving.model.context_bytes);
  if (!(tokens >= static_cast<double>(serving.longest)))
    throw InputError(fmt::format(
        "serving.longest = {} (beside its weights a replica of {} {} holds {:.0f} tokens of "
        "context in serving.memory_share = {:.6g} of HBM) lower it, raise that share, or take more "
        "serving.chips_per_replica",
        serving.longest, all.chips, chip.name, std::max(0.0, tokens), serving.memory_share));
  all.sort = {
      .law = iteration_law(serving, chip, all.chips,
                           is_apart && all.chips > 1 ? all_reduces(all.chips, serving.chunk)
                                                     : std::vector<double>()),
      .context_tokens = static_cast<std::int64_t>(std::min(tokens, 1e15)),
      .most_sequences = serving.batch_limit.value_or(std::numeric_limits<std::int64_t>::max()),
      .chunk = serving.chunk};
  all.sort.law.compute /= speed;
  all.rated = rated_point(all.sort, means, serving.token_limit);
  all.sort.rate = all.rated.requests;
  if (!(most_sequences(all.sort, means) >= 1))
    throw InputError(fmt::format(
        "serving.chunk = {} (what is rated reads prompts evenly in the iterations of outputs: of "
        "{:.4g} tokens of input and {:.4g} of output, {:.4g} of input in each of a request alone) "
        "raise it, or lengthen serving.output_tokens",
        serving.chunk, means.input, means.output, means.input / means.output));
  if (!(all.rated.sequences >= 1))
    throw InputError(fmt::format(
        "serving.token_limit = {} (an iteration of a replica of {} {} with one request, and {:.4g} "
        "tokens of input in it, takes {}) raise it, or take more serving.chips_per_replica",
        format_quantity(serving.token_limit, Dimension::time), all.chips, chip.name,
        means.input / means.output, format_rounded(time_of(all.sort, means, 1), Dimension::time)));
  const double longest =
      all.sort.law.time(serving.chunk + static_cast<std::int64_t>(all.rated.sequences)) +
      all.sort.law.per_context * tokens;
  if (!(longest < longest_iteration))
    throw InputError(fmt::format("serving.chunk = {} (an iteration of {} would take {}) lower it",
                                 serving.chunk, with_article(chip.name),
                                 format_rounded(longest, Dimension::time)));
  return all;
}

}  // namespace

RequestMeans calibration_requests() {
  return {.input = 150, .output = 294.45, .context = 150 + 0.5 * 294.45, .output_of_token = 294.45};
}

RatedPoint rated_point(const ReplicaSort& sort, const RequestMeans& means, double token_limit) {
  const double most = std::min(most_sequences(sort, means), 1e9);
  return point(sort, means, largest(most, [&](double sequences) {
                 return time_of(sort, means, sequences) <= token_limit;
               }));
}

RatedPoint point_at(const ReplicaSort& sort, const RequestMeans& means, double requests) {
  const double most = std::min(most_sequences(sort, means), 1e9);
  return point(sort, means, largest(most, [&](double sequences) {
                 return point(sort, means, sequences).requests <= requests;
               }));
}

double relaxation_time(const ReplicaSort& sort, const RequestMeans& means, const RatedPoint& at) {
  constexpr double step = 1e-3;  // of the batch
  const double further = time_of(sort, means, at.sequences * (1 + step));
  const double left = at.time - (further - at.time) / step;
  return means.output * at.time * at.time / std::max(left, 1e-3 * at.time);
}

std::vector<GenerationReplicas> replicas_of(const Fleet& fleet, const Serving& serving,
                                            const RequestMeans& means,
                                            std::span<const double> speed,
                                            const AllReduceTimes& all_reduces) {
  if (serving.model.active() > serving.model.parameters)
    throw InputError(fmt::format(
        "serving.active_parameters = {:.6g} (serving.model_parameters = {:.6g} are all) lower "
        "it",
        serving.model.active(), serving.model.parameters));
  std::vector<GenerationReplicas> all;
  for (std::size_t g = 0; g < fleet.generations.size(); ++g)
    all.push_back(replicas_of(
        fleet.generations[g].chip, serving, means, speed.empty() ? 1 : speed[g],
        [&](std::int64_t chips, std::int64_t most) { return all_reduces(g, chips, most); }));
  return all;
}

}  // namespace lockstep
