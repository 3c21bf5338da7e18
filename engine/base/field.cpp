#include "engine/base/field.hpp"

namespace lockstep {

namespace {

/// Whether there is a number, always: no word in its place, and not absent unless given.
bool is_always_given(const Parameter& row) {
  return row.words.empty() && !row.default_text.empty();
}

}  // namespace

void read_into(double& member, const Values& values, const Parameter& row) {
  if (is_always_given(row))
    member = values.real(row.key);
  else
    member = values.optional_real(row.key).value_or(member);
}

void read_into(std::int64_t& member, const Values& values, const Parameter& row) {
  if (is_always_given(row))
    member = values.count(row.key);
  else
    member = values.optional_count(row.key).value_or(member);
}

void read_into(std::optional<double>& member, const Values& values, const Parameter& row) {
  member = values.optional_real(row.key);
}

void read_into(std::optional<std::int64_t>& member, const Values& values, const Parameter& row) {
  member = values.optional_count(row.key);
}

void read_into(std::string& member, const Values& values, const Parameter& row) {
  if (!row.default_text.empty() || values.has(row.key)) member = values.text(row.key);
}

}  // namespace lockstep
