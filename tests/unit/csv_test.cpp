#include "engine/base/text/csv.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.hpp"

namespace lockstep {
namespace {

using Lines = std::vector<std::pair<int, std::vector<std::string>>>;

Lines lines_of(std::string_view content) {
  Lines lines;
  read_csv_lines(content, "x.csv",
                 [&](const CsvLine& line) { lines.emplace_back(line.number, line.fields); });
  return lines;
}

TEST(Csv, LinesAreWhatTheySay) {
  const Lines plain{{1, {"a", "b"}}, {2, {"1", "2"}}};
  for (const char* content :
       {"a,b\n1,2\n", "a,b\n1,2", "a,b\r\n1,2\r\n", "a,b\r1,2\r",
        "\xEF\xBB\xBF"
        "a,b\n1,2\n",
        "a , b\n\t1 ,2  \n", "\"a\",\"b\"\n1,2\n", "a,b # names\n1,2# values\n"})
    EXPECT_EQ(lines_of(content), plain) << content;
  // A line's number is the file's.
  EXPECT_EQ(lines_of("# first\n\n  \na,b\n#,\n1,2\n"), (Lines{{4, {"a", "b"}}, {6, {"1", "2"}}}));
  EXPECT_EQ(lines_of("\"x, # and \"\"y\"\"\", ,\n"), (Lines{{1, {"x, # and \"y\"", "", ""}}}));
  EXPECT_EQ(lines_of(""), Lines{});
  EXPECT_EQ(lines_of("\xEF\xBB\xBF"), Lines{});
}

TEST(Csv, ProblemsHaveTheirLine) {
  const auto message = [](std::string_view content) -> std::string {
    try {
      read_csv_lines(content, "x.csv", [](const CsvLine& line) {
        if (line.fields.front() == "bad") throw InputError("'bad' is bad (why) suggestion");
      });
    } catch (const InputError& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_EQ(message("good\n# no\nbad\n"), "x.csv:3: 'bad' is bad (why) suggestion");
  EXPECT_THAT(message("a\n\"b\n"), testing::StartsWith("x.csv:2: a double quote is not closed"));
  EXPECT_THAT(message("\"a\" b\n"), testing::StartsWith("x.csv:1: 'b' follows a closing quote"));
  EXPECT_THAT(message(std::string("\xFF\xFE"
                                  "a\0",
                                  4)),
              testing::HasSubstr("begins as UTF-16"));
  EXPECT_THAT(message(std::string("a\0b", 3)), testing::HasSubstr("zero bytes"));
  EXPECT_THROW(read_csv_content("/nowhere/none.csv"), InputError);
  EXPECT_THROW(read_csv_content("/"), InputError);
}

}  // namespace
}  // namespace lockstep
