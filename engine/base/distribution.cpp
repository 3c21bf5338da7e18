#include "engine/base/distribution.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>

#include "engine/base/distributions/kinds.hpp"
#include "engine/base/error.hpp"
#include "engine/base/nearest.hpp"
#include "engine/base/text.hpp"

namespace lockstep {

namespace {

// The least and the greatest uniform that a sampler can be given (random.hpp).
constexpr double least_uniform = 0x1p-53;
constexpr double greatest_uniform = 1 - 0x1p-53;

/// "mean, sd", and for a law with several ways to be written "median, sigma or mean, sigma".
std::string signature_list(const DistributionKind& kind) {
  std::string list;
  for (const auto& signature : kind.signatures) {
    if (!list.empty()) list += " or ";
    for (const DistributionArgument& argument : signature) {
      list += std::string(argument.name) + (&argument == &signature.back() ? "" : ", ");
    }
  }
  return list;
}

/// "normal(mean=.., sd=..)".
std::string example(const DistributionKind& kind) {
  std::string text = std::string(kind.name) + "(";
  for (const DistributionArgument& argument : kind.signatures.front()) {
    if (text.back() != '(') text += ", ";
    text += std::string(argument.name) + "=..";
  }
  return text + ")";
}

const DistributionKind& find_kind(std::string_view name) {
  std::vector<std::string_view> names{"none"};
  for (const DistributionKind& kind : distribution_kinds()) {
    if (kind.name == name) return kind;
    names.push_back(kind.name);
  }
  const std::string near = nearest_name(name, names);
  throw InputError(fmt::format("'{}' is not a distribution (known: {}) {}", name,
                               fmt::join(names, " "),
                               near.empty() ? "choose one of them" : "did you mean " + near + "?"));
}

struct Given {
  std::string_view name;
  std::string_view value;
};

/// The arguments as written: known names, each once, each with a value.
std::vector<Given> read_arguments(const DistributionKind& kind, std::string_view inside) {
  std::vector<std::string_view> names;
  for (const auto& signature : kind.signatures) {
    for (const DistributionArgument& argument : signature) names.push_back(argument.name);
  }
  const std::string where = std::string(kind.name) + ": ";
  std::vector<Given> given;
  for (const std::string_view piece : split_outside_parentheses(inside, ',')) {
    const std::size_t equals = piece.find('=');
    Given argument{names.front(), piece};
    if (equals != std::string_view::npos) {
      argument = {trimmed(piece.substr(0, equals)), trimmed(piece.substr(equals + 1))};
    } else if (names.size() > 1) {
      throw InputError(where + in_quotes(piece) + " has no name (its arguments are " +
                       signature_list(kind) + ") write " + example(kind));
    }
    if (std::find(names.begin(), names.end(), argument.name) == names.end()) {
      const std::string near = nearest_name(argument.name, names);
      throw InputError(where + in_quotes(argument.name) + " is not an argument (they are " +
                       signature_list(kind) + ") " +
                       (near.empty() ? "write " + example(kind) : "did you mean " + near + "?"));
    }
    for (const Given& earlier : given) {
      if (earlier.name != argument.name) continue;
      throw InputError(where + in_quotes(argument.name) +
                       " is given twice (each argument has one value) remove one");
    }
    if (argument.value.find('(') != std::string_view::npos) {
      throw InputError(where + std::string(argument.name) + "=" + std::string(argument.value) +
                       " is a law (laws do not nest) write a plain quantity");
    }
    given.push_back(argument);
  }
  return given;
}

/// The first way to write the law that has a place for every given argument.
std::size_t choose_signature(const DistributionKind& kind, const std::vector<Given>& given) {
  for (std::size_t i = 0; i < kind.signatures.size(); ++i) {
    const auto& signature = kind.signatures[i];
    const auto has_place = [&](const Given& argument) {
      return std::any_of(signature.begin(), signature.end(),
                         [&](const auto& known) { return known.name == argument.name; });
    };
    if (std::all_of(given.begin(), given.end(), has_place)) return i;
  }
  throw InputError(std::string(kind.name) + ": its arguments exclude each other (they are " +
                   signature_list(kind) + ") write " + example(kind));
}

double read_argument(const DistributionKind& kind, const DistributionArgument& argument,
                     const std::vector<Given>& given, Dimension dimension) {
  const std::string where = std::string(kind.name) + ": ";
  const auto found = std::find_if(given.begin(), given.end(), [&](const Given& candidate) {
    return candidate.name == argument.name;
  });
  if (found == given.end()) {
    throw InputError(where + in_quotes(argument.name) + " is missing (its arguments are " +
                     signature_list(kind) + ") write " + example(kind));
  }
  double value = 0;
  try {
    value = parse_quantity(found->value, dimension);
  } catch (const InputError& error) {
    throw InputError(where + std::string(argument.name) + ": " + error.what());
  }
  if (value < argument.minimum || (value == argument.minimum && !argument.minimum_is_legal)) {
    throw InputError(where + std::string(argument.name) + "=" + std::string(found->value) +
                     " is out of range (allowed: " + (argument.minimum_is_legal ? ">= " : "> ") +
                     format_canonical(argument.minimum, dimension) + ") write a larger value");
  }
  return value;
}

LawText read_law(const DistributionKind& kind, std::string_view inside, Dimension dimension) {
  const std::vector<Given> given = read_arguments(kind, inside);
  const std::size_t chosen = choose_signature(kind, given);
  std::vector<double> values;
  std::string text = std::string(kind.name) + "(";
  for (const DistributionArgument& argument : kind.signatures[chosen]) {
    const Dimension due = argument.has_unit ? dimension : Dimension::none;
    values.push_back(read_argument(kind, argument, given, due));
    text += (values.size() > 1 ? ", " : "") + std::string(argument.name) + "=" +
            format_canonical(values.back(), due);
  }
  return {kind.make(chosen, values), text + ")"};
}

/// What stands between the parenthesis at `open` and its partner, which must end the text.
std::string_view inside_parentheses(std::string_view text, std::size_t open) {
  int depth = 0;
  for (std::size_t i = open; i < text.size(); ++i) {
    if (text[i] == '(') ++depth;
    if (text[i] == ')' && --depth == 0) {
      if (i + 1 == text.size()) return text.substr(open + 1, i - open - 1);
      throw InputError(in_quotes(text) + " goes on after its closing parenthesis (" +
                       in_quotes(trimmed(text.substr(i + 1))) + " follows) remove that");
    }
  }
  throw InputError(in_quotes(text) + " has an unclosed parenthesis (opened at character " +
                   std::to_string(open + 1) + ") add ')'");
}

}  // namespace

std::span<const DistributionKind> distribution_kinds() {
  static const std::vector<DistributionKind> kinds = {
      constant_kind(), uniform_kind(), exponential_kind(), normal_kind(),  lognormal_kind(),
      gamma_kind(),    weibull_kind(), pareto_kind(),      mixture_kind(), empirical_kind(),
  };
  return kinds;
}

Distribution::Distribution()
    : law_(make_constant(0)), text_("none"), none_(true), constant_(true) {}

Distribution::Distribution(double constant)
    : Distribution(LawText{make_constant(constant), ""}, Dimension::none) {
  assert(constant >= 0 && std::isfinite(constant));
}

Distribution::Distribution(LawText law, Dimension dimension)
    : law_(std::move(law.law)), text_(std::move(law.text)) {
  const double low = law_->quantile(least_uniform);
  const double high = law_->quantile(greatest_uniform);
  if (!std::isfinite(high)) {
    throw InputError(text_ +
                     " reaches beyond the largest number (its quantile at 1 - 2^-53 is "
                     "infinite) choose a narrower law");
  }
  // The quantile never decreases: equal at both ends, every sample is that value.
  if (low < high) return;
  if (!(std::fabs(law_->mean() - low) <= 1e-9 * low)) {
    throw InputError(text_ + " cannot be sampled (every number a sampler can draw is " +
                     format_canonical(low, dimension) + ", its mean is not) choose a narrower law");
  }
  law_ = make_constant(low);
  constant_ = true;
  none_ = low == 0;
  text_ = none_ ? "none" : "constant(value=" + format_canonical(low, dimension) + ")";
}

Distribution Distribution::parse(std::string_view text, Dimension dimension,
                                 const std::string& directory) {
  const std::string_view all = trimmed(text);
  if (all == "none") return Distribution();
  const std::size_t open = all.find('(');
  const bool word =
      !all.empty() && ((all[0] >= 'a' && all[0] <= 'z') || (all[0] >= 'A' && all[0] <= 'Z'));
  if (open == std::string_view::npos && !word) {
    const double value = parse_quantity(all, dimension);
    if (value < 0) {
      throw InputError(in_quotes(all) + " is negative (allowed: >= " +
                       format_canonical(0, dimension) + ") write its magnitude");
    }
    return Distribution({make_constant(value), ""}, dimension);
  }
  const DistributionKind& kind = find_kind(trimmed(all.substr(0, open)));
  if (open == std::string_view::npos) {
    throw InputError(in_quotes(all) +
                     " has no arguments (a law carries them in parentheses) write " +
                     (kind.signatures.empty() ? std::string(kind.name) + "(..)" : example(kind)));
  }
  const std::string_view inside = inside_parentheses(all, open);
  return Distribution(kind.read != nullptr ? kind.read(inside, dimension, directory)
                                           : read_law(kind, inside, dimension),
                      dimension);
}

}  // namespace lockstep
