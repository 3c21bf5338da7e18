#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdint>

#include "engine/base/distributions/kinds.hpp"
#include "engine/base/elementary.hpp"
#include "engine/base/error.hpp"
#include "engine/base/text/text.hpp"

namespace lockstep {

namespace {

struct Part {
  double weight;  ///< share of the whole
  Distribution law;
};

struct Mixture final : Law {
  explicit Mixture(std::vector<Part> all) : parts(std::move(all)) {}

  double mean() const override {
    double sum = 0;
    for (const Part& part : parts) sum += part.weight * part.law.mean();
    return sum;
  }

  double variance() const override {
    const double centre = mean();
    if (!(centre < elementary::detail::infinity)) return centre;
    double sum = 0;
    for (const Part& part : parts) {
      const double apart = part.law.mean() - centre;
      sum += part.weight * (part.law.variance() + apart * apart);
    }
    return sum;
  }

  double cdf(double x) const override {
    double sum = 0;
    for (const Part& part : parts) sum += part.weight * part.law.cdf(x);
    return sum;
  }

  /// Bisection between the least and the greatest quantile of the parts, over the doubles
  /// themselves: those that are not negative stand in the order of their bits, so at most 64 steps
  /// end on neighbours, at a jump of the distribution function too. Cost: 64 evaluations of cdf.
  double quantile(double u) const override {
    double low = parts.front().law.quantile(u);
    double high = low;
    for (const Part& part : parts) {
      low = std::min(low, part.law.quantile(u));
      high = std::max(high, part.law.quantile(u));
    }
    if (cdf(low) >= u) return low;
    auto below = std::bit_cast<std::uint64_t>(low);
    auto reached = std::bit_cast<std::uint64_t>(high);
    while (reached - below > 1) {
      const std::uint64_t middle = below + (reached - below) / 2;
      (cdf(std::bit_cast<double>(middle)) >= u ? reached : below) = middle;
    }
    return std::bit_cast<double>(std::max(reached, below));
  }

  /// The part is chosen by where u falls among the weights, and what is left of u, spread out
  /// again, samples it. Cheaper than the quantile, and of the same law.
  double sample(double u) const override {
    double start = 0;
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
      if (u < start + parts[i].weight) return draw(parts[i], u - start, parts[i].weight);
      start += parts[i].weight;
    }
    return draw(parts.back(), u - start, 1 - start);
  }

  static double draw(const Part& part, double rest, double width) {
    // Rounding may reach the ends, which are not in the domain.
    return part.law.sample(std::clamp(rest / width, 0x1p-53, 1 - 0x1p-53));
  }

  std::vector<Part> parts;
};

Part read_part(std::string_view text, Dimension dimension, const std::string& directory) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    throw InputError(
        "mixture: " + in_quotes(text) +
        " has no weight (each part is 'weight: law') write for example 0.1: " + std::string(text));
  }
  const std::string_view law = trimmed(text.substr(colon + 1));
  if (law.starts_with("mixture")) {
    throw InputError(
        "mixture: a part is a mixture itself (laws do not nest) write its parts in "
        "the outer one");
  }
  double weight = 0;
  try {
    weight = parse_quantity(text.substr(0, colon), Dimension::none);
  } catch (const InputError& error) {
    throw InputError("mixture: weight " + std::string(error.what()));
  }
  if (weight < 0) {
    throw InputError("mixture: weight " + format_number(weight) +
                     " is negative (allowed: >= 0) write a share such as 0.1");
  }
  return {weight, Distribution::parse(law, dimension, directory)};
}

/// What is uncertain of the parts; nothing where all is known.
std::shared_ptr<const UncertainLaw> uncertain_mixture(const std::vector<Part>& parts) {
  auto uncertain = std::make_shared<UncertainLaw>();
  for (std::size_t i = 0; i < parts.size(); ++i)
    for (const UncertainPart& part : parts[i].law.uncertain_parts())
      uncertain->parts.push_back(
          {fmt::format("{}{}{}", i + 1, part.name.empty() ? "" : ".", part.name),
           static_cast<std::uint32_t>(16 * (i + 1)) + part.place, part.law});
  if (uncertain->parts.empty()) return nullptr;
  uncertain->law_at = [parts](std::span<const double> drawn) {
    std::vector<Part> known = parts;
    for (Part& part : known) {
      const std::size_t count = part.law.uncertain_parts().size();
      if (count > 0) part.law = part.law.at(drawn.first(count));
      drawn = drawn.subspan(count);
    }
    return std::make_shared<const Mixture>(std::move(known));
  };
  return uncertain;
}

LawText read(std::string_view inside, Dimension dimension, const std::string& directory) {
  LawText result;
  std::vector<Part> parts;
  double total = 0;
  for (const std::string_view piece : split_outside_parentheses(inside, ',')) {
    Part part = read_part(piece, dimension, directory);
    if (part.weight == 0) continue;
    total += part.weight;
    result.text +=
        (parts.empty() ? "mixture(" : ", ") + format_number(part.weight) + ": " + part.law.text();
    parts.push_back(std::move(part));
  }
  if (parts.empty() || !(total < elementary::detail::infinity)) {
    throw InputError("mixture(" + std::string(inside) +
                     ") has no parts (weights of a finite, positive sum are due) write for example "
                     "mixture(0.9: LAW, 0.1: LAW)");
  }
  for (Part& part : parts) part.weight /= total;
  result.text += ")";
  result.uncertain = uncertain_mixture(parts);
  if (!result.uncertain) result.law = std::make_shared<const Mixture>(std::move(parts));
  return result;
}

}  // namespace

DistributionKind mixture_kind() {
  return {"mixture", "one of several laws, by relative weight: mixture(0.9: LAW, 0.1: LAW)",
          {},        "definition",
          nullptr,   read};
}

}  // namespace lockstep
