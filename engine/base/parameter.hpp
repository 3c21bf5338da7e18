#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "engine/base/distribution.hpp"
#include "engine/base/text/quantity.hpp"

namespace lockstep {

/// How a parameter's text is read.
enum class ValueType {
  real,    ///< a quantity of `dimension`; may also be a distribution unless `shapes_arrays`
  count,   ///< a whole number, bare ("16", "1e6")
  choice,  ///< one of `words`
  law,     ///< a distribution sampled per event
  text,    ///< free text with a syntax of its own, checked by the model (fleet.chips, shapes)
};

/// One row of the parameter tables: parser, help, `list`, `describe`, file attributes, docs and
/// the invariant tests all read it.
struct Parameter {
  std::string_view key =
      {};          ///< "job.tensor"; "chip.*.peak" for a key of every [chip.NAME] section
  int number = 0;  ///< permanent: identifies the parameter's uncertain draws
  ValueType type = ValueType::real;
  Dimension dimension = Dimension::none;
  /// In the syntax of the study file; "" where the value is absent unless given (then the model
  /// derives it or refuses, as the summary says).
  std::string_view default_text = {};
  /// Within what its dimension allows (limits_of): a row without a maximum has that of the
  /// dimension, one whose minimum of 0 is not legal begins at the dimension's least.
  double minimum = 0;
  double maximum = 1e300;
  bool minimum_is_legal = true;
  /// Words accepted in place of a value ("auto"), or the choices of a `choice`.
  std::vector<std::string_view> words = {};
  bool or_steps = false;       ///< a time that may be given in training steps ("50step") instead
  bool shapes_arrays = false;  ///< sizes or layout depend on it: may not be uncertain
  bool is_factor = false;      ///< a law of a factor that slows: 1 and less slows nothing
  std::string_view each = {};  ///< of a law: what one draw is for ("straggler")
  /// Keys without which it has no effect: not while all of them stand at their defaults.
  std::vector<std::string_view> needs = {};
  std::string_view summary = {};
  std::string_view source = {};  ///< where the default comes from, or "assumption, range ..."
};

/// A value read from text under its row.
struct Value {
  /// double for real and count; std::string for choice, text, words and a number of steps (its
  /// canonical text); Distribution for law and for a real that is uncertain; monostate when absent.
  std::variant<std::monostate, double, std::string, Distribution> data;
  std::string canonical;  ///< equal for equal values: what study_id hashes and the file records
};

/// Reads `text` under `row`. Throws InputError, message without the key: "'3' has no unit (a time
/// is due) write one of these behind it: ns us ms s min h d". Empty text is refused: a row without
/// default whose key is not given has the value `Value{}`. A law, and a real that is one, must lie
/// within the row's range with all the values a sampler can give.
Value parse_value(const Parameter& row, std::string_view text, const std::string& directory);

/// Range and unit of a row for help and messages: "0 .. 1", "> 0s", "ring | tree | ocs_torus"; ""
/// for free text.
std::string allowed_text(const Parameter& row);

/// The resolved values of one design point, by key. Model code reads from it once, when it
/// builds its plain structs. Asking for the value of a key that no row declares, or for the wrong
/// type, is a programming error and aborts in every build. `has` and the optional ones may be asked
/// for any key: a generation of the catalogue has no `chip.NAME.*` values of its own.
class Values {
 public:
  void set(std::string key, Value value) { own_[std::move(key)] = std::move(value); }
  /// From now on copies share what is set so far: thousands of design points differ in a few keys.
  void share();
  bool has(std::string_view key) const;     ///< given or defaulted, not absent
  double real(std::string_view key) const;  ///< SI; an uncertain value gives its mean
  std::int64_t count(std::string_view key) const;
  std::optional<double> optional_real(std::string_view key) const;  ///< absent or a word: nullopt
  std::optional<std::int64_t> optional_count(std::string_view key) const;
  const std::string& text(std::string_view key) const;  ///< choice, text, word; "" when absent
  bool is_word(std::string_view key, std::string_view word) const;
  /// Place, below `count`, of a choice among its row's words.
  std::size_t word(const Parameter& row, std::size_t count) const;
  /// Of a row with or_steps, given in steps; else nullopt.
  std::optional<double> optional_steps(std::string_view key) const;
  const Distribution& law(std::string_view key) const;
  /// Of any key, nullptr where there is none; equal for what copies share.
  const Value* find(std::string_view key) const;
  /// Every key with its value, ascending.
  std::vector<std::pair<std::string_view, const Value*>> all() const;

 private:
  using Map = std::map<std::string, Value, std::less<>>;

  const Value& get(std::string_view key) const;

  std::shared_ptr<const Map> shared_ = std::make_shared<const Map>();
  Map own_;  ///< in place of the shared ones
};

}  // namespace lockstep
