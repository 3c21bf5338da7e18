#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "engine/base/parameter.hpp"

namespace lockstep {

/// Reads the value of `row` into a member of each sort. A word that stands in place of a number
/// ("auto", "none"), and a row without default that is not given, leaves a number as it is and an
/// optional one empty.
void read_into(double& member, const Values& values, const Parameter& row);  ///< a real or a count
void read_into(std::int64_t& member, const Values& values, const Parameter& row);
void read_into(std::optional<double>& member, const Values& values, const Parameter& row);
void read_into(std::optional<std::int64_t>& member, const Values& values, const Parameter& row);
void read_into(std::string& member, const Values& values, const Parameter& row);
template <std::constructible_from<const Distribution&> Law>
void read_into(Law& member, const Values& values, const Parameter& row) {
  member = values.law(row.key);
}

/// How one row's value gets into a Struct. There is none that reads nothing.
template <class Struct>
class Reader {
 public:
  /// Into a member, as its type says.
  template <class Member>
  Reader(Member Struct::*member)  // NOLINT(google-explicit-constructor)
      : read_([member](Struct& into, const Values& values, const Parameter& row) {
          read_into(into.*member, values, row);
        }) {}
  /// Into a member of a part.
  template <class Part, class Member>
  Reader(Part Struct::*part, Member Part::*member)
      : read_([part, member](Struct& into, const Values& values, const Parameter& row) {
          read_into(into.*part.*member, values, row);
        }) {}
  /// Into a member, as what each of the row's words means, in their order.
  template <class Member>
  Reader(Member Struct::*member, std::initializer_list<std::type_identity_t<Member>> meanings)
      : read_([member, all = std::vector<Member>(meanings)](Struct& into, const Values& values,
                                                            const Parameter& row) {
          into.*member = all[values.word(row, all.size())];
        }) {}
  /// What is not read one to one: a function of (Struct&, const Values&). It may look at other
  /// keys too, and at what the rows before it have set.
  template <std::invocable<Struct&, const Values&> Function>
  Reader(Function read)  // NOLINT(google-explicit-constructor)
      : read_(
            [read](Struct& into, const Values& values, const Parameter&) { read(into, values); }) {}

  void operator()(Struct& into, const Values& values, const Parameter& row) const {
    read_(into, values, row);
  }

 private:
  std::function<void(Struct&, const Values&, const Parameter&)> read_;
};

/// A parameter: where its value goes, and its row, whose default is the only one there is.
template <class Struct>
struct Field {
  Reader<Struct> read;
  Parameter row;
};

/// A Struct with the value of every field, read in their order; all else is as Struct{} has it.
/// Throws InputError where a reader does.
template <class Struct>
Struct read_fields(const std::vector<Field<Struct>>& fields, const Values& values) {
  Struct made{};
  for (const Field<Struct>& field : fields) field.read(made, values, field.row);
  return made;
}

/// The same of keys "chip.*.peak" in the section [chip.name], into a struct that has its values.
template <class Struct>
void read_section(const std::vector<Field<Struct>>& fields, const Values& values,
                  std::string_view name, Struct& into) {
  for (const Field<Struct>& field : fields) {
    std::string key(field.row.key);
    key.replace(key.find('*'), 1, name);
    Parameter row = field.row;
    row.key = key;
    field.read(into, values, row);
  }
}

template <class Struct>
std::vector<Parameter> rows_of(const std::vector<Field<Struct>>& fields) {
  std::vector<Parameter> rows;
  for (const Field<Struct>& field : fields) rows.push_back(field.row);
  return rows;
}

}  // namespace lockstep
