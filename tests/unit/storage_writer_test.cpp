#include <sys/resource.h>

#include <csignal>

#include "engine/storage/files/output_path.hpp"
#include "tests/unit/storage_fixture.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class StorageWriter : public StorageTest {};

TEST_F(StorageWriter, WritesWhatWasGiven) {
  const ResultFile file(write_results("a.h5"));
  EXPECT_EQ(layout_digest(file.schema()), layout_digest(schema_));
  EXPECT_FALSE(file.shard());
  EXPECT_EQ(static_cast<std::int64_t>(file.held_blocks().size()), schema_.blocks());
  expect_known_values(file);
  EXPECT_FALSE(fs::exists(path("a.h5.part")));
}

TEST_F(StorageWriter, EqualRunsGiveEqualBytes) {
  EXPECT_TRUE(bytes(write_results("a.h5")) == bytes(write_results("b.h5")));
}

TEST_F(StorageWriter, WritesStudiesWithoutAxesAndWithLongTexts) {
  schema_ = sample::make_schema({.axes = false, .trials = 7, .steps = 1});
  schema_.overrides = schema_.warnings = {};
  schema_.title = "";
  schema_.study_text = std::string(200000, 'x');
  const ResultFile file(write_results("a.h5"));
  EXPECT_EQ(file.schema().study_text, schema_.study_text);
  EXPECT_EQ(file.schema().overrides, schema_.overrides);
  EXPECT_EQ(file.schema().title, "");
  expect_known_values(file);
}

TEST_F(StorageWriter, BlocksLargerThanAChunk) {
  schema_ = sample::make_schema({.axes = false, .trials = 20, .steps = 12000});
  expect_known_values(ResultFile(write_results("a.h5")));
  write_shard("s0.h5", 0, 2);
  write_shard("s1.h5", 1, 2);
  merge_shards(std::vector{path("s1.h5"), path("s0.h5")}, path("m.h5"), false);
  expect_known_values(ResultFile(path("m.h5")));
}

TEST_F(StorageWriter, ResumesAfterEveryBlock) {
  const std::string whole = bytes(write_results("a.h5"));
  for (std::int64_t stop = 0; stop < schema_.blocks(); ++stop) {
    const std::string name = fmt::format("r{}.h5", stop);
    run(options(name), stop);
    EXPECT_FALSE(fs::exists(path(name)));
    if (stop > 0) {
      const ResultWriter writer(schema_, options(name, true));
      EXPECT_EQ(writer.saved_blocks(), stop);
    }
    run(options(name, true, 3));
    EXPECT_TRUE(bytes(path(name)) == whole) << stop;
  }
}

TEST_F(StorageWriter, TakesBlocksInAnyOrder) {
  const std::string whole = bytes(write_results("a.h5"));
  ResultWriter writer(schema_, options("b.h5"));
  for (std::int64_t b = 0; b < schema_.blocks(); ++b)
    writer.write(sample::make_block(schema_, b * 5 % schema_.blocks()));
  writer.finish(sample::make_runtime());
  EXPECT_TRUE(bytes(path("b.h5")) == whole);
}

TEST_F(StorageWriter, SavesSlowBlocksAtOnce) {
  WriterOptions writing = options("a.h5", false, 1000);
  writing.batch_seconds = 0;
  ResultWriter writer(schema_, writing);
  writer.write(sample::make_block(schema_, 0));
  EXPECT_EQ(writer.saved_blocks(), 1);
}

TEST_F(StorageWriter, CompleteFileNeedsNothing) {
  const std::string whole = bytes(write_results("a.h5"));
  ResultWriter writer(schema_, options("a.h5", true));
  EXPECT_TRUE(writer.already_complete());
  EXPECT_EQ(static_cast<std::int64_t>(writer.finished_blocks().size()), schema_.blocks());
  writer.finish(sample::make_runtime());
  EXPECT_TRUE(bytes(path("a.h5")) == whole);
}

TEST_F(StorageWriter, RemovesPartsLeftBesideACompleteFile) {
  run(options("a.h5"), 3);
  fs::copy(path("a.h5.part"), path("kept"));
  run(options("a.h5", true));
  fs::rename(path("kept"), path("a.h5.part"));
  EXPECT_TRUE(ResultWriter(schema_, options("a.h5", true)).already_complete());
  EXPECT_FALSE(fs::exists(path("a.h5.part")));
}

TEST_F(StorageWriter, RefusesOutputsItMustNotTouch) {
  write_results("a.h5");
  run(options("b.h5"), 3);
  fs::create_directory(path("folder"));
  set_bytes(path("file"), "x");
  set_bytes(path("c.h5.part"), "x");
  const auto refusal = [&](const std::string& name) {
    return input_error([&] { ResultWriter(schema_, options(name)); });
  };
  EXPECT_THAT(refusal("a.h5"), AllOf(HasSubstr("exists"), HasSubstr("--resume or another -o")));
  EXPECT_THAT(refusal("b.h5"), AllOf(HasSubstr("b.h5.part exists"), HasSubstr("--resume")));
  EXPECT_THAT(refusal("c.h5"), HasSubstr("c.h5.part"));
  EXPECT_THAT(refusal("folder"), HasSubstr("is a folder"));
  EXPECT_THAT(refusal("none/a.h5"), HasSubstr("there is no folder"));
  EXPECT_THAT(refusal("file/a.h5"), HasSubstr("there is no folder"));
  WriterOptions unwritable = options("a.h5");
  unwritable.path = "/proc/a.h5";
  EXPECT_THAT(input_error([&] { ResultWriter(schema_, unwritable); }), HasSubstr("cannot create"));
}

TEST_F(StorageWriter, RefusesNamesThatNoFileCanHave) {
  fs::create_symlink("nothing", path("link.h5"));
  fs::create_directory(path("folder"));
  const auto refusal = [&](const fs::path& name) {
    return input_error([&] { check_output(name); });
  };
  EXPECT_THAT(refusal(""), HasSubstr("is empty"));
  EXPECT_THAT(refusal(path("folder") / ""), HasSubstr("add the name of the file"));
  EXPECT_THAT(refusal(path("a.h5") / ""), HasSubstr("add the name of the file"));
  EXPECT_THAT(refusal(path("folder")), HasSubstr("is a folder"));
  EXPECT_THAT(refusal("/dev/null"), HasSubstr("a device"));
  EXPECT_THAT(refusal(path("link.h5")), HasSubstr("a link to nothing"));
  EXPECT_THAT(refusal(path(std::string(251, 'a'))), HasSubstr("too long"));  // with .part 256 bytes
  std::string deep = path("").string();
  while (deep.size() < 4100) deep += "/.";
  EXPECT_THAT(refusal(deep + "/a.h5"), HasSubstr("cannot write"));
  check_output(path(std::string(250, 'a')));
  run(options(std::string(250, 'a')));
  expect_known_values(ResultFile(path(std::string(250, 'a'))));
}

TEST_F(StorageWriter, LeavesWhatOthersPutBeside) {
  run(options("a.h5"), 3);
  for (const char* name : {"a.h5.tmp", "a.h5.part/notes.txt"}) set_bytes(path(name), "mine");
  run(options("a.h5", true));
  EXPECT_EQ(bytes(path("a.h5.tmp")) + bytes(path("a.h5.part/notes.txt")), "minemine");
  EXPECT_FALSE(fs::exists(path("a.h5.part/000000.h5")));
  EXPECT_FALSE(fs::exists(path("a.h5.part/lock")));
}

TEST_F(StorageWriter, RefusesASecondWriter) {
  ResultWriter first(schema_, options("a.h5"));
  EXPECT_THAT(input_error([&] { ResultWriter(schema_, options("a.h5", true)); }),
              HasSubstr("another process"));
}

TEST_F(StorageWriter, SaysWhichPartOfTheIdentityDiffers) {
  write_results("done.h5");
  run(options("half.h5"), 3);
  const ResultSchema original = schema_;
  const auto expect_refusal = [&](const std::string& difference, auto change) {
    for (const char* name : {"done.h5", "half.h5"}) {
      WriterOptions writing = options(name, true);
      schema_ = original;
      change(writing);
      EXPECT_THAT(input_error([&] { ResultWriter(schema_, writing); }), HasSubstr(difference));
    }
    schema_ = original;
  };
  expect_refusal("its seed is 18446744073709551615, here it is 7",
                 [&](auto&) { schema_.seed = 7; });
  expect_refusal("its study_id is 5a, here it is 5b", [&](auto&) { schema_.study_id = "5b"; });
  expect_refusal("its program version is 0.1.0", [&](auto&) { schema_.program_version = "0.2.0"; });
  expect_refusal("its git commit is 0123abc", [&](auto&) { schema_.git_commit = "f00"; });
  expect_refusal("its shard is none, here it is 0/2", [&](WriterOptions& writing) {
    writing.shard = Shard{0, 2};
  });
  ResultWriter(original, options("half.h5", true));
}

TEST_F(StorageWriter, EveryFlippedBitAndEveryCutOfAPartIsFound) {
  schema_ = sample::make_schema({.axes = false, .trials = 20, .steps = 1});
  run(options("a.h5"), 1);
  const fs::path part = path("a.h5.part/000000.h5");
  const std::string whole = bytes(part);
  ASSERT_GT(whole.size(), 1000u);
  const auto refusal = [&] {
    return input_error([&] { ResultWriter(schema_, options("a.h5", true)); });
  };
  for (std::size_t at = 0; at < whole.size(); at += 5) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << at % 8));
    set_bytes(part, damaged);
    ASSERT_THAT(refusal(), HasSubstr("000000.h5 cannot be read")) << at;
    set_bytes(part, whole.substr(0, at));
    ASSERT_THAT(refusal(), HasSubstr("000000.h5 cannot be read")) << at;
  }
  set_bytes(part, whole);
  run(options("a.h5", true));
  expect_known_values(ResultFile(path("a.h5")));
}

TEST_F(StorageWriter, IgnoresPartsThatWereNeverRenamed) {
  run(options("a.h5"), 4);
  set_bytes(path("a.h5.part/000007.h5.tmp"), "half a part");
  set_bytes(path("a.h5.part/result.tmp"), "half a file");
  EXPECT_EQ(ResultWriter(schema_, options("a.h5", true)).saved_blocks(), 4);
  EXPECT_FALSE(fs::exists(path("a.h5.part/000007.h5.tmp")));
  EXPECT_FALSE(fs::exists(path("a.h5.part/result.tmp")));
}

TEST_F(StorageWriter, FinishNeedsEveryBlock) {
  ResultWriter writer(schema_, options("a.h5"));
  writer.write(sample::make_block(schema_, 0));
  EXPECT_THROW(writer.finish(sample::make_runtime()), std::logic_error);
  EXPECT_FALSE(fs::exists(path("a.h5")));
}

/// Files of this process stay below a size, as on a full disk; lifted on destruction.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_;
};

TEST_F(StorageWriter, AFailedFinishCanBeRepeatedByTheSameProcess) {
  const std::string whole = bytes(write_results("a.h5"));
  for (rlim_t limit = 100; limit < whole.size(); limit += 5000) {
    const std::string name = fmt::format("b{}.h5", limit);
    ResultWriter writer(schema_, options(name));
    for (std::int64_t b = 0; b < schema_.blocks(); ++b)
      writer.write(sample::make_block(schema_, b));
    {
      const FileSizeLimit full(limit);
      EXPECT_THROW(writer.finish(sample::make_runtime()), IoError);
    }
    EXPECT_FALSE(fs::exists(path(name)));
    EXPECT_FALSE(fs::exists(path(name + ".part/result.tmp")));
    writer.finish(sample::make_runtime());
    EXPECT_TRUE(bytes(path(name)) == whole);
  }
}

TEST_F(StorageWriter, AFailedBatchLosesNoOther) {
  {
    ResultWriter writer(schema_, options("a.h5"));
    writer.write(sample::make_block(schema_, 0));
    writer.write(sample::make_block(schema_, 1));
    const FileSizeLimit full(100);
    writer.write(sample::make_block(schema_, 2));
    EXPECT_THROW(writer.flush(), IoError);
    EXPECT_EQ(writer.saved_blocks(), 2);
  }
  EXPECT_EQ(ResultWriter(schema_, options("a.h5", true)).saved_blocks(), 2);
}

}  // namespace
}  // namespace lockstep
