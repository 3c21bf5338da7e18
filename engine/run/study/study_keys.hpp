#pragma once

#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/parameter.hpp"

namespace lockstep {

/// A row with the key it has in one study: its own, or one with NAME in place of the star.
struct KeyedRow {
  const Parameter* row;
  std::string key;
};

/// The keys a study may use, as the rows declare them. Keeps a view of the rows.
class StudyKeys {
 public:
  explicit StudyKeys(std::span<const Parameter> rows) : rows_(rows) {}

  /// The row of `key`, directly or through a star; nullptr when no row declares it.
  const Parameter* find(std::string_view key) const;

  std::span<const Parameter> rows() const { return rows_; }

  /// Every row with its key, in the order of the rows; where the first starred row stands, all
  /// starred rows follow, once for each NAME found in `used` keys (in alphabetical order, so that
  /// the order of a study's sections does not matter).
  std::vector<KeyedRow> expand(std::span<const std::string> used) const;

 private:
  std::span<const Parameter> rows_;
};

}  // namespace lockstep
