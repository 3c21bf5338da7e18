#include "experiments/study_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "tests/unit/small_study.hpp"

namespace lockstep {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

const std::string valid_study =
    "# a study of everything the syntax knows\n"
    "title = Fleets: small, \"quoted\" and \xCE\xBB\n"
    "\n"
    "[sampling]\n"
    "trials = 64   # a comment\n"
    "seed=12345678901234567890\n"
    "[fleet]\n"
    "chips = H100:512, GB200:512\r\n"
    "  chip_spread = 0.01\n"
    "[chip.MINE]\n"
    "peak = 1.5e15\n"
    "[noise]\n"
    "hop_jitter = exponential(mean=1us)\n"
    "[sweep]\n"
    "topology.kind = ring, tree\n"
    "fleet.chips = \"H100:512, GB200:512\", \"H100:1024\"\n"
    "(job.tensor, job.pipeline) = (1,1), (8,16)\n"
    "noise.hop_jitter = none, normal(mean=1us, sd=2us)";

std::vector<std::string> problems(const std::string& text) {
  try {
    parse_study("s.ini", text);
  } catch (const InputError& error) {
    return error.messages();
  }
  return {};
}

/// A folder of its own for the files of one test.
class StudyFile : public testing::Test {
 protected:
  StudyFile() : folder_(testing::TempDir() + "/lockstep_study_file_" + std::to_string(getpid())) {
    std::filesystem::create_directories(folder_);
  }
  ~StudyFile() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return (folder_ / name).string();
  }
  std::string refusal(const std::string& path) const {
    try {
      read_study(path);
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  }

  std::filesystem::path folder_;
};

TEST_F(StudyFile, KeepsTextOrderValuesAndLines) {
  const std::string path = write("valid.ini", valid_study);
  const StudyText study = read_study(path);
  EXPECT_EQ(study.path, path);
  EXPECT_EQ(study.directory, folder_.string());
  EXPECT_EQ(study.text, valid_study);
  std::vector<std::string> lines;
  for (const StudyEntry& entry : study.entries) {
    ASSERT_TRUE(entry.origin.starts_with(path + ":"));
    lines.push_back(entry.origin.substr(path.size() + 1) + " " + entry.key + " = " + entry.value);
  }
  EXPECT_THAT(lines, ElementsAre("2 title = Fleets: small, \"quoted\" and \xCE\xBB",
                                 "5 sampling.trials = 64", "6 sampling.seed = 12345678901234567890",
                                 "8 fleet.chips = H100:512, GB200:512",
                                 "9 fleet.chip_spread = 0.01", "11 chip.MINE.peak = 1.5e15",
                                 "13 noise.hop_jitter = exponential(mean=1us)",
                                 "15 sweep.topology.kind = ring, tree",
                                 "16 sweep.fleet.chips = \"H100:512, GB200:512\", \"H100:1024\"",
                                 "17 sweep.(job.tensor, job.pipeline) = (1,1), (8,16)",
                                 "18 sweep.noise.hop_jitter = none, normal(mean=1us, sd=2us)"));
  EXPECT_THAT(resolve_study(study, {}, study_rows()).points, SizeIs(16));
}

TEST_F(StudyFile, RefusesWhatIsNoStudy) {
  EXPECT_THAT(refusal((folder_ / "missing.ini").string()),
              HasSubstr("missing.ini' cannot be opened (No such file"));
  EXPECT_THAT(refusal(folder_.string()), HasSubstr("is a directory ("));
  EXPECT_THAT(refusal(""), HasSubstr("cannot be opened ("));
  EXPECT_THAT(refusal(write("empty.ini", "")), HasSubstr("sets nothing ("));
  EXPECT_THAT(refusal(write("nul.ini", std::string("[job]\ntensor = 1\0", 17))),
              HasSubstr("is not a text file (byte 0x00 at offset 16)"));
  EXPECT_THAT(refusal(write("large.ini", std::string((1 << 20) + 1, '\n'))),
              HasSubstr("larger than 1 MiB ("));
  // Opens for everyone, but nothing is mapped at its first byte.
  EXPECT_THAT(refusal("/proc/self/mem"), HasSubstr("cannot be read (Input/output error)"));
  EXPECT_THAT(refusal("/dev/zero"), HasSubstr("larger than 1 MiB ("));
}

TEST_F(StudyFile, RefusesAFileItMayNotRead) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read every file";
  const std::string path = write("locked.ini", valid_study);
  std::filesystem::permissions(path, std::filesystem::perms::none);
  EXPECT_THAT(refusal(path), HasSubstr("cannot be opened (Permission denied)"));
}

TEST(ParseStudy, AMarkOfTheByteOrderIsNoPartOfTheFirstLine) {
  const StudyText study = parse_study("s.ini", "\xEF\xBB\xBFtitle = T\n[job]\ntensor = 1\n");
  EXPECT_EQ(study.entries[0].key, "title");
  EXPECT_EQ(study.entries[1].origin, "s.ini:3");
  EXPECT_EQ(study.directory, ".");
}

TEST(ParseStudy, AValueMayHoldEqualsSignsColonsAndQuotes) {
  const StudyText study = parse_study(
      "s.ini", "[a]\nb = mixture(0.9: constant(1us), 0.1: exponential(mean=1ms))\nc == \"=\" :\n");
  EXPECT_EQ(study.entries[0].value, "mixture(0.9: constant(1us), 0.1: exponential(mean=1ms))");
  EXPECT_EQ(study.entries[1].key, "a.c");
  EXPECT_EQ(study.entries[1].value, "= \"=\" :");
}

TEST(ParseStudy, BytesThatAreNoTextAreRefused) {
  const std::vector<std::string> cases{"\xFF\xFE[\x01",
                                       "[job]\x1B\n",
                                       "a\rb\n",
                                       "title = \x80",
                                       "title = \xC0\xAF",
                                       "title = \xE0\x80\xAF",
                                       "title = \xED\xA0\x80",
                                       "title = \xF4\x90\x80\x80",
                                       "title = \xF5\x80\x80\x80",
                                       "title = \xCE",
                                       "title = \xE2\x82",
                                       "title = \x7F"};
  for (const std::string& text : cases)
    EXPECT_THAT(problems(text), ElementsAre(HasSubstr("is not a text file (byte 0x")))
        << testing::PrintToString(text);
  // The longest and the largest characters of UTF-8 are text.
  EXPECT_THAT(problems("title = \xF0\x9F\x98\x80 \xF4\x8F\xBF\xBF \xEE\x80\x80 \xDF\xBF\n"),
              SizeIs(0));
}

TEST(ParseStudy, EachBadLineIsNamed) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"[job]\n\ntensor 8\n", "s.ini:3: 'tensor 8' is not understood ("},
      {"[job]\n; a comment\n", "s.ini:2: '; a comment' is not understood ("},
      {"[job]\n= 8\n", "s.ini:2: '= 8' is not understood ("},
      {"[job\ntensor = 8\n", "s.ini:1: '[job' is not closed ("},
      {"[job # ]\ntensor = 8\n", "s.ini:1: '[job' is not closed ("},
      {"[]\ntensor = 8\n", "s.ini:1: '[]' is not a section header ("},
      {"[ job ]\ntensor = 8\n", "'[ job ]' is not a section header ("},
      {"[job.]\ntensor = 8\n", "'[job.]' is not a section header ("},
      {"[job] tensor = 8\n", "'[job] tensor = 8' is not a section header ("},
      {"[a] = [b]\n", "'[a] = [b]' is not a section header ("},
      {"tensor = 8\n", "s.ini:1: 'tensor' stands before the first section ("},
      {"job.tensor = 8\n[job]\n", "'job.tensor' stands before the first section ("},
      {"[fleet]\nchips = \"H100#512\"\n", "s.ini:2: '#' inside double quotes ("},
      {"# only\n\n  # comments\n", "'s.ini' sets nothing ("},
      {"[job]\n[fleet]\n", "'s.ini' sets nothing ("}};
  for (const auto& [text, fragment] : cases)
    EXPECT_THAT(problems(text), ElementsAre(HasSubstr(fragment))) << text;
}

TEST(ParseStudy, AtMostFiveBadLinesAreShown) {
  std::string text = "[job]\n";
  for (int i = 0; i < 7; ++i) text += "nonsense\n";
  const std::vector<std::string> messages = problems(text);
  ASSERT_THAT(messages, SizeIs(6));
  EXPECT_THAT(messages[4], HasSubstr("s.ini:6: "));
  EXPECT_EQ(messages[5], "... and 2 more");
}

/// One to four small damages: a byte changed, removed or inserted, a line repeated or removed,
/// two spans swapped. Most bytes come from the study itself, so that many still parse.
std::string mutated(std::string text, std::mt19937& random) {
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random()) % n; };
  const std::string syntax = "[]()\"=,#.:-*0e \n";
  for (std::size_t n = 1 + below(4); n > 0 && !text.empty(); --n) {
    const std::size_t at = below(text.size());
    const std::size_t begin = at == 0 ? 0 : text.rfind('\n', at - 1) + 1;
    const std::size_t length = std::min(text.find('\n', at), text.size() - 1) + 1 - begin;
    switch (below(7)) {
      case 0:
        text[at] = syntax[below(syntax.size())];
        break;
      case 1:
        text[at] = static_cast<char>(below(256));
        break;
      case 2:
        text.erase(at, 1 + below(3));
        break;
      case 3:
        text.insert(at, 1, syntax[below(syntax.size())]);
        break;
      case 4:
        text.insert(begin, text.substr(begin, length));
        break;
      case 5:
        text.erase(begin, length);
        break;
      default:
        text.insert(at, text.substr(below(text.size()), 1 + below(12)));
        break;
    }
  }
  return text;
}

TEST(ParseStudy, MutationsResolveOrAreRefused) {
  std::mt19937 random(20250101);
  int resolved = 0, refused = 0;
  for (int i = 0; i < 2000; ++i) {
    const std::string text = mutated(valid_study, random);
    try {
      const Study study = resolve_study(parse_study("s.ini", text), {}, study_rows());
      ASSERT_THAT(study.study_id, SizeIs(64));
      ASSERT_EQ(study.points.size(), study.point_names.size());
      ++resolved;
    } catch (const InputError& error) {
      ASSERT_LE(error.messages().size(), 6u);
      for (const std::string& message : error.messages()) {
        EXPECT_GT(message.size(), 10u) << text;
        EXPECT_EQ(message.find('\n'), std::string::npos) << message;
      }
      ++refused;
    }
  }
  // Both outcomes must be exercised, or the mutations are too weak or too strong.
  EXPECT_GT(resolved, 200);
  EXPECT_GT(refused, 200);
}

}  // namespace
}  // namespace lockstep
