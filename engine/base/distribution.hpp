#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/text/quantity.hpp"

namespace lockstep {

struct Law;
struct UncertainLaw;
struct UncertainPart;

/// A law and its canonical text; `uncertain` in place of the law where it has uncertain parts.
struct LawText {
  std::shared_ptr<const Law> law;
  std::string text;
  std::shared_ptr<const UncertainLaw> uncertain = {};
};

/// One argument of a distribution as a user writes it ("mean=1ms").
struct DistributionArgument {
  std::string_view name;
  bool has_unit;          ///< carries the unit of the parameter the law stands for
  double minimum;         ///< least legal value
  bool minimum_is_legal;  ///< false where the bound itself has no meaning (sigma of 0 is legal, a
                          ///< mean of 0 is; a shape of 0 is not)
  std::string_view summary;
};

/// One kind of distribution: a row of the table that parser, help and tests read.
struct DistributionKind {
  std::string_view name;
  std::string_view summary;
  /// The ways to write it: each a full list of arguments (lognormal by median or by mean).
  std::vector<std::vector<DistributionArgument>> signatures;
  std::string_view source;
  /// Checks what a range cannot (low < high) and precomputes; arguments in signature order.
  std::shared_ptr<const Law> (*make)(std::size_t signature, std::span<const double> arguments);
  /// Instead of `make` where the arguments are not plain numbers: reads what stands between the
  /// parentheses.
  LawText (*read)(std::string_view inside, Dimension dimension, const std::string& directory);
};

/// The mathematics of one distribution with its numbers filled in.
struct Law {
  virtual ~Law() = default;
  virtual double mean() const = 0;      ///< may be +infinity
  virtual double variance() const = 0;  ///< may be +infinity
  /// Inverse distribution function at u in (0, 1): the least x with cdf(x) >= u. Never decreases
  /// with u but by the rounding of its last bits.
  virtual double quantile(double u) const = 0;
  /// Distribution function: the probability of a value <= x.
  virtual double cdf(double x) const = 0;
  /// A sample from one uniform in (0, 1); consumes exactly one. Cost is that of the quantile.
  virtual double sample(double u) const { return quantile(u); }
};

/// All kinds. `mixture` and `empirical`, whose arguments are not plain numbers, have no signature.
std::span<const DistributionKind> distribution_kinds();

/// A non-negative random quantity of a study: a value type, immutable, cheap to copy.
class Distribution {
 public:
  Distribution();  ///< constant 0: "none"
  /// One value, not negative, in SI; its text has no unit.
  explicit Distribution(double constant);

  /// Reads `exponential(mean=1ms)`, `lognormal(median=5us, sigma=0.3)`, `normal(mean=.., sd=..)`
  /// (truncated at 0), `mixture(0.9: constant(1us), 0.1: exponential(mean=1ms))`,
  /// `empirical(FILE.csv)` (one value a line, in the unit named by its header line, e.g. `us`, or
  /// bare numbers where no unit is due; `directory` is where a relative path starts), `none`, or a
  /// plain quantity (a constant). A law of one argument may leave out its name: `constant(1us)`.
  /// The weights of a mixture are relative. `uncertain(LAW)` is a value that is not known, drawn
  /// once a trial, in place of a law, of an argument or of a part of a mixture:
  /// `exponential(mean=uncertain(uniform(low=1ms, high=5ms)))`. Any other law inside a law's
  /// argument is refused, and a mixture inside a mixture; so is a law whose values leave the range
  /// of a double, whatever its uncertain parts are.
  /// Throws InputError naming what is wrong, with the nearest known name and the legal range.
  static Distribution parse(std::string_view text, Dimension dimension,
                            const std::string& directory = ".");

  double mean() const { return law_->mean(); }
  double variance() const { return law_->variance(); }
  double quantile(double u) const { return law_->quantile(u); }
  double sample(double u) const { return law_->sample(u); }
  double cdf(double x) const { return law_->cdf(x); }

  /// What is drawn once a trial; empty where all is known. Until then mean, variance, quantile,
  /// sample and cdf are those of the law with these at their means.
  std::span<const UncertainPart> uncertain_parts() const;
  /// The law with a number for each uncertain part, in their order.
  Distribution at(std::span<const double> drawn) const;
  /// The laws with every uncertain part at either end of what can be drawn; the law alone where it
  /// has none.
  std::vector<Distribution> corners() const;

  bool is_none() const { return none_; }          ///< always 0
  bool is_constant() const { return constant_; }  ///< one value, `mean()`

  /// Canonical text: equal for equal laws, whatever the spelling (units in SI, arguments in table
  /// order, a law of one value as that constant). For `empirical` the SHA-256 of the sorted values
  /// stands for the path; every other text can be parsed again.
  const std::string& text() const { return text_; }
  bool operator==(const Distribution& other) const { return text_ == other.text_; }

 private:
  Distribution(LawText law, Dimension dimension);
  static Distribution make(LawText law, Dimension dimension);

  std::shared_ptr<const Law> law_;
  std::shared_ptr<const UncertainLaw> uncertain_;
  std::string text_;
  bool none_ = false;
  bool constant_ = false;
};

/// What is known of a law's number only as a distribution itself.
struct UncertainPart {
  /// "" for the value as a whole, "mean" for an argument, "2.mean" in the second part of a mixture.
  std::string name;
  /// Tells its draws from those of other parts, whichever of them are uncertain: 0 for the whole,
  /// 1 + the place of an argument, and 16 more for each part of a mixture.
  std::uint32_t place = 0;
  Distribution law;
};

/// A law with uncertain parts.
struct UncertainLaw {
  std::vector<UncertainPart> parts;
  std::function<std::shared_ptr<const Law>(std::span<const double> drawn)> law_at;
};

}  // namespace lockstep
