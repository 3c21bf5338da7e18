#include "engine/base/distribution.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>

#include "engine/base/distributions/kinds.hpp"
#include "engine/base/error.hpp"
#include "engine/base/text/nearest.hpp"
#include "engine/base/text/text.hpp"

namespace lockstep {

namespace {

// The least and the greatest uniform that a sampler can be given (random.hpp).
constexpr double least_uniform = 0x1p-53;
constexpr double greatest_uniform = 1 - 0x1p-53;

constexpr std::string_view uncertain_word = "uncertain";
constexpr std::size_t most_uncertain_parts = 8;  // their ends are all tried

/// Whether `text` is a law of that name.
bool is_law(std::string_view text, std::string_view name) {
  return text.starts_with(name) && trimmed(text.substr(name.size())).starts_with('(');
}

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
  std::vector<std::string_view> names{"none", uncertain_word};
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
    const std::size_t equals = piece.substr(0, piece.find('(')).find('=');
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
    if (argument.value.find('(') != std::string_view::npos &&
        !is_law(argument.value, uncertain_word))
      throw InputError(fmt::format(
          "{}{}={} is a law (laws do not nest) write a plain quantity, or {}=uncertain({}) for one "
          "draw a trial",
          where, argument.name, argument.value, argument.name, argument.value));
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

/// The law of an argument, a constant where it is a plain quantity.
Distribution read_argument(const DistributionKind& kind, const DistributionArgument& argument,
                           const std::vector<Given>& given, Dimension dimension,
                           const std::string& directory) {
  const std::string where = std::string(kind.name) + ": ";
  const auto found = std::find_if(given.begin(), given.end(), [&](const Given& candidate) {
    return candidate.name == argument.name;
  });
  if (found == given.end()) {
    throw InputError(where + in_quotes(argument.name) + " is missing (its arguments are " +
                     signature_list(kind) + ") write " + example(kind));
  }
  Distribution law;
  double least = 0;
  try {
    if (is_law(found->value, uncertain_word)) {
      law = Distribution::parse(found->value, dimension, directory);
      if (const auto parts = law.uncertain_parts(); !parts.empty())
        law = Distribution(parts.front().law);  // a copy: the part goes with its law
      least = law.quantile(least_uniform);
    } else {
      least = parse_quantity(found->value, dimension);
      if (least >= 0) law = Distribution(least);
    }
  } catch (const InputError& error) {
    throw InputError(where + std::string(argument.name) + ": " + error.what());
  }
  if (least < argument.minimum || (least == argument.minimum && !argument.minimum_is_legal)) {
    throw InputError(where + std::string(argument.name) + "=" + std::string(found->value) +
                     " is out of range (allowed: " + (argument.minimum_is_legal ? ">= " : "> ") +
                     format_canonical(argument.minimum, dimension) + ") write a larger value");
  }
  return law;
}

LawText read_law(const DistributionKind& kind, std::string_view inside, Dimension dimension,
                 const std::string& directory) {
  const std::vector<Given> given = read_arguments(kind, inside);
  const std::size_t chosen = choose_signature(kind, given);
  std::vector<double> values;
  std::vector<std::size_t> places;  // of the uncertain arguments
  auto uncertain = std::make_shared<UncertainLaw>();
  std::string text = std::string(kind.name) + "(";
  for (const DistributionArgument& argument : kind.signatures[chosen]) {
    const Dimension due = argument.has_unit ? dimension : Dimension::none;
    const Distribution law = read_argument(kind, argument, given, due, directory);
    text += fmt::format("{}{}=", values.empty() ? "" : ", ", argument.name);
    if (law.is_constant()) {
      text += format_canonical(law.mean(), due);
    } else {
      text += fmt::format("{}({})", uncertain_word, law.text());
      places.push_back(values.size());
      uncertain->parts.push_back(
          {std::string(argument.name), static_cast<std::uint32_t>(1 + values.size()), law});
    }
    values.push_back(law.mean());
  }
  text += ")";
  if (places.empty()) return {kind.make(chosen, values), text};
  uncertain->law_at = [make = kind.make, chosen, values, places](std::span<const double> drawn) {
    std::vector<double> all = values;
    for (std::size_t i = 0; i < places.size(); ++i) all[places[i]] = drawn[i];
    return make(chosen, all);
  };
  return {nullptr, text, uncertain};
}

/// One value a trial.
LawText read_uncertain(std::string_view inside, Dimension dimension, const std::string& directory) {
  const Distribution law = Distribution::parse(inside, dimension, directory);
  if (!law.uncertain_parts().empty())
    throw InputError(
        fmt::format("{}({}) is uncertain twice (one draw a trial gives its value) keep one of them",
                    uncertain_word, inside));
  if (law.is_constant()) return {make_constant(law.mean()), ""};
  auto uncertain = std::make_shared<UncertainLaw>();
  uncertain->parts.push_back({"", 0, law});
  uncertain->law_at = [](std::span<const double> drawn) { return make_constant(drawn[0]); };
  return {nullptr, fmt::format("{}({})", uncertain_word, law.text()), uncertain};
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
  const std::string_view name = trimmed(all.substr(0, open));
  if (name == uncertain_word && open == std::string_view::npos)
    throw InputError(
        "'uncertain' has no law (it is one value a trial, drawn from a law) write for example "
        "uncertain(uniform(low=.., high=..))");
  if (name == uncertain_word)
    return make(read_uncertain(inside_parentheses(all, open), dimension, directory), dimension);
  const DistributionKind& kind = find_kind(name);
  if (open == std::string_view::npos) {
    throw InputError(in_quotes(all) +
                     " has no arguments (a law carries them in parentheses) write " +
                     (kind.signatures.empty() ? std::string(kind.name) + "(..)" : example(kind)));
  }
  const std::string_view inside = inside_parentheses(all, open);
  return make(kind.read != nullptr ? kind.read(inside, dimension, directory)
                                   : read_law(kind, inside, dimension, directory),
              dimension);
}

Distribution Distribution::make(LawText law, Dimension dimension) {
  if (!law.uncertain) return Distribution(std::move(law), dimension);
  if (law.uncertain->parts.size() > most_uncertain_parts)
    throw InputError(
        fmt::format("{} has more than {} uncertain parts (that is the limit) give some "
                    "as plain quantities",
                    law.text, most_uncertain_parts));
  std::vector<double> means;
  for (const UncertainPart& part : law.uncertain->parts) {
    means.push_back(part.law.mean());
    if (!std::isfinite(means.back()))
      throw InputError(
          fmt::format("uncertain({}) has no finite mean (plans are made with it) choose "
                      "a law with a lighter tail",
                      part.law.text()));
  }
  Distribution result({law.uncertain->law_at(means), law.text}, dimension);
  result.text_ = law.text;
  result.uncertain_ = law.uncertain;
  result.corners();  // each must be a law
  return result;
}

std::span<const UncertainPart> Distribution::uncertain_parts() const {
  return uncertain_ ? std::span<const UncertainPart>(uncertain_->parts)
                    : std::span<const UncertainPart>();
}

Distribution Distribution::at(std::span<const double> drawn) const {
  return Distribution({uncertain_->law_at(drawn), text_}, Dimension::none);
}

std::vector<Distribution> Distribution::corners() const {
  if (!uncertain_) return {*this};
  std::vector<Distribution> laws;
  const std::size_t parts = uncertain_->parts.size();
  for (std::size_t corner = 0; corner < std::size_t{1} << parts; ++corner) {
    std::vector<double> drawn;
    for (std::size_t i = 0; i < parts; ++i)
      drawn.push_back(
          uncertain_->parts[i].law.quantile(corner >> i & 1 ? greatest_uniform : least_uniform));
    laws.push_back(at(drawn));
  }
  return laws;
}

}  // namespace lockstep
