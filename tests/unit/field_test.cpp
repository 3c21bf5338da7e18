#include "engine/base/field.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lockstep {
namespace {

using enum ValueType;
enum class Way { in, out };
using enum Way;

struct Six {
  double time = 0;
  std::int64_t count = 0;
  bool on = false;
  std::optional<double> limit;
  Way way = in;
  Distribution delay;
};

const std::vector<Field<Six>> six{
    {&Six::time, {.key = "time", .dimension = Dimension::time, .default_text = "5us"}},
    {&Six::count, {.key = "count", .type = count, .default_text = "3"}},
    {{&Six::on, {true, false}},
     {.key = "on", .type = choice, .default_text = "y", .words = {"y", "n"}}},
    {&Six::limit, {.key = "limit", .default_text = "none", .words = {"none"}}},
    {{&Six::way, {out, in}},
     {.key = "way", .type = choice, .default_text = "o", .words = {"o", "i"}}},
    {&Six::delay, {.key = "delay", .type = law, .default_text = "exponential(mean=2)"}},
};

template <class Struct>
Values defaults(const std::vector<Field<Struct>>& fields) {
  Values values;
  for (const Parameter& row : rows_of(fields))
    values.set(std::string(row.key),
               row.default_text.empty() ? Value{} : parse_value(row, row.default_text, "."));
  return values;
}

template <class Struct>
Struct read_with(const std::vector<Field<Struct>>& fields, std::string_view key,
                 std::string_view text) {
  Values values = defaults(fields);
  for (const Parameter& row : rows_of(fields))
    if (row.key == key) values.set(std::string(key), parse_value(row, text, "."));
  return read_fields(fields, values);
}

TEST(Field, SixMembersOfAllSortsAreReadByTheirRows) {
  const Six made = read_fields(six, defaults(six));
  EXPECT_EQ(made.time, 5e-6);
  EXPECT_EQ(made.count, 3);
  EXPECT_TRUE(made.on);
  EXPECT_EQ(made.limit, std::nullopt);
  EXPECT_EQ(made.way, out);
  EXPECT_EQ(made.delay.text(), "exponential(mean=2)");

  EXPECT_EQ(read_with(six, "time", "2s").time, 2);
  EXPECT_EQ(read_with(six, "count", "7").count, 7);
  EXPECT_FALSE(read_with(six, "on", "n").on);
  EXPECT_EQ(read_with(six, "limit", "0.5").limit, 0.5);
  EXPECT_EQ(read_with(six, "way", "i").way, in);
  EXPECT_EQ(read_with(six, "delay", "4").delay.mean(), 4);
}

TEST(Field, RowsStandInTheirOrder) {
  std::vector<std::string_view> keys;
  for (const Parameter& row : rows_of(six)) keys.push_back(row.key);
  EXPECT_THAT(keys, testing::ElementsAre("time", "count", "on", "limit", "way", "delay"));
}

struct Inner {
  double rate = 0;
};
struct Outer {
  Inner inner;
  double whole = 0;
  std::string name;
  std::optional<std::int64_t> spares;
};

TEST(Field, PartsWordsInPlaceOfNumbersAndFunctions) {
  const std::vector<Field<Outer>> fields{
      {[](Outer& outer, const Values& values) {
         outer.inner.rate = values.text("outer.name") == "slow" ? 1 : 2;
       },
       {.key = "outer.name", .type = text, .default_text = "slow"}},
      {{&Outer::inner, &Inner::rate},
       {.key = "outer.rate", .default_text = "auto", .words = {"auto"}}},
      {&Outer::whole, {.key = "outer.whole", .type = count, .default_text = "9"}},
      {&Outer::name, {.key = "outer.title", .type = text, .default_text = "a title"}},
      {&Outer::spares,
       {.key = "outer.spares", .type = count, .default_text = "unlimited", .words = {"unlimited"}}},
  };
  const Outer made = read_fields(fields, defaults(fields));
  EXPECT_EQ(made.inner.rate, 1);  // "auto" leaves what the row before has set
  EXPECT_EQ(made.whole, 9);
  EXPECT_EQ(made.name, "a title");
  EXPECT_EQ(made.spares, std::nullopt);
  EXPECT_EQ(read_with(fields, "outer.name", "fast").inner.rate, 2);
  EXPECT_EQ(read_with(fields, "outer.rate", "5").inner.rate, 5);
  EXPECT_EQ(read_with(fields, "outer.spares", "4").spares, 4);
}

// Of a section only what is given there changes; what another section gives is not its own.
TEST(Field, ASectionOverridesWhatItGives) {
  const std::vector<Field<Outer>> fields{
      {{&Outer::inner, &Inner::rate}, {.key = "chip.*.rate"}},
      {&Outer::whole, {.key = "chip.*.whole", .type = count}},
  };
  Values values;
  values.set("chip.A.rate", parse_value(fields[0].row, "5", "."));
  values.set("chip.B.whole", parse_value(fields[1].row, "7", "."));
  values.set("chip.A.whole", Value{});
  Outer a{.inner = {.rate = 1}, .whole = 2, .name = "kept", .spares = 3}, b = a, neither = a;
  read_section(fields, values, "A", a);
  read_section(fields, values, "B", b);
  read_section(fields, values, "C", neither);
  EXPECT_EQ(a.inner.rate, 5);
  EXPECT_EQ(a.whole, 2);
  EXPECT_EQ(b.inner.rate, 1);
  EXPECT_EQ(b.whole, 7);
  EXPECT_EQ(neither.inner.rate, 1);
  EXPECT_EQ(neither.whole, 2);
  EXPECT_EQ(neither.name, "kept");
  EXPECT_EQ(neither.spares, 3);
}

TEST(FieldDeathTest, AWordWithoutAMeaningAborts) {
  const std::vector<Field<Six>> fields{
      {{&Six::on, {true}},
       {.key = "on", .type = choice, .default_text = "n", .words = {"y", "n"}}}};
  EXPECT_DEATH(read_fields(fields, defaults(fields)), "'on' has no such word");
}

}  // namespace
}  // namespace lockstep
