#include <hdf5.h>

#include <cstring>
#include <random>

#include "engine/storage/files/folder_lock.hpp"
#include "engine/storage/hdf5/hdf5.hpp"
#include "tests/unit/storage_fixture.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class StorageMerge : public StorageTest {
 protected:
  std::vector<fs::path> write_shards(std::int64_t count) const {
    std::vector<fs::path> shards;
    for (std::int64_t i = 0; i < count; ++i)
      shards.push_back(write_shard(fmt::format("s{}.h5", i), i, count));
    return shards;
  }
  /// Equal schema, texts and, bit for bit, values. (result_file_test.py compares all of a file.)
  static void expect_same(const fs::path& left, const fs::path& right) {
    const ResultFile a(left), b(right);
    EXPECT_EQ(a.layout(), b.layout());
    EXPECT_EQ(a.schema().title, b.schema().title);
    EXPECT_EQ(a.schema().study_text, b.schema().study_text);
    EXPECT_EQ(a.schema().overrides, b.schema().overrides);
    EXPECT_EQ(a.held_blocks(), b.held_blocks());
    for (std::size_t v = 0; v < a.schema().variables.size(); ++v)
      for (std::int64_t point = 0; point < a.schema().points(); ++point) {
        const std::vector<double> x = a.read(v, point), y = b.read(v, point);
        ASSERT_EQ(x.size(), y.size());
        EXPECT_EQ(std::memcmp(x.data(), y.data(), x.size() * sizeof(double)), 0) << v << point;
      }
  }
  std::string refusal(const std::vector<fs::path>& shards) const {
    const std::string message = input_error([&] { merge_shards(shards, path("out.h5"), false); });
    EXPECT_FALSE(fs::exists(path("out.h5")));
    EXPECT_FALSE(fs::exists(path("out.h5.part")));
    return message;
  }
  void set_attribute(const std::string& name, const std::string& key,
                     const std::string& text) const {
    const h5::Handle file(H5Fopen(path(name).c_str(), H5F_ACC_RDWR, H5P_DEFAULT), H5Fclose, "open");
    H5Adelete(file.get(), key.c_str());
    h5::write_attribute(file, key, text);
  }
};

TEST_F(StorageMerge, EqualsTheUnshardedRun) {
  const fs::path whole = write_results("whole.h5");
  for (std::int64_t count : {1, 3, 16, 40}) {
    std::vector<fs::path> shards = write_shards(count);
    std::shuffle(shards.begin(), shards.end(), std::mt19937(1));
    const fs::path merged = path(fmt::format("m{}.h5", count));
    const MergeReport report = merge_shards(shards, merged, false);
    EXPECT_EQ(report.shards, count);
    EXPECT_EQ(report.blocks, 18);
    EXPECT_EQ(report.blocks_missing, 0);
    expect_same(merged, whole);
    expect_known_values(ResultFile(merged));
    for (const fs::path& shard : shards) fs::remove(shard);
  }
}

TEST_F(StorageMerge, AllowMissingRecordsWhatIsMissing) {
  std::vector<fs::path> shards = write_shards(4);
  shards.erase(shards.begin() + 1);
  const MergeReport report = merge_shards(shards, path("m.h5"), true);
  EXPECT_EQ(report.blocks_missing, 5);
  const ResultFile file(path("m.h5"));
  EXPECT_EQ(file.held_blocks().size(), 13u);
  expect_known_values(file);
}

TEST_F(StorageMerge, TakesTheTextsOfTheLowestShard) {
  const fs::path second = write_shard("b.h5", 1, 2);
  schema_.title = "as first written";
  const fs::path first = write_shard("a.h5", 0, 2);
  merge_shards(std::vector{second, first}, path("m.h5"), false);
  EXPECT_EQ(ResultFile(path("m.h5")).schema().title, "as first written");
}

TEST_F(StorageMerge, OverwritesNothing) {
  const std::vector<fs::path> shards = write_shards(2);
  set_bytes(path("m.h5"), "precious");
  EXPECT_THAT(input_error([&] { merge_shards(shards, path("m.h5"), false); }), HasSubstr("exists"));
  EXPECT_EQ(bytes(path("m.h5")), "precious");
  const FolderLock other(path("n.h5.part"));
  EXPECT_THAT(input_error([&] { merge_shards(shards, path("n.h5"), false); }), HasSubstr("in use"));
  EXPECT_FALSE(fs::exists(path("n.h5")));
}

TEST_F(StorageMerge, OneLineForEachBadShard) {
  const std::vector<fs::path> good = write_shards(3);
  const std::string whole = bytes(good[1]);
  const auto with = [&](const std::string& name) {
    return std::vector{good[0], path(name), good[2]};
  };
  const fs::path results = write_results("whole.h5");
  set_bytes(path("cut.h5"), whole.substr(0, whole.size() - 100));
  set_bytes(path("empty.h5"), "");
  set_bytes(path("newer.h5"), whole);
  set_attribute("newer.h5", "lockstep_schema_version", "4.0");
  set_bytes(path("minor.h5"), whole);
  set_attribute("minor.h5", "lockstep_schema_version", "3.9");
  const ResultSchema original = schema_;
  schema_.study_id = "5b";
  write_shard("foreign.h5", 1, 3);
  schema_ = original;
  schema_.seed = 3;
  write_shard("seed.h5", 1, 3);
  schema_ = original;
  schema_.program_version = "9.9";
  write_shard("program.h5", 1, 3);
  schema_ = original;
  write_shard("split.h5", 1, 4);

  EXPECT_THAT(refusal(with("cut.h5")), HasSubstr("cut.h5 is truncated"));
  EXPECT_THAT(refusal(with("empty.h5")), HasSubstr("empty.h5 is empty"));
  EXPECT_THAT(refusal(with("none.h5")), HasSubstr("none.h5 does not exist"));
  EXPECT_THAT(refusal(with("newer.h5")), HasSubstr("newer.h5 has schema version 4.0"));
  EXPECT_THAT(refusal(with("minor.h5")),
              HasSubstr("its schema version is 3.9, here it is " + schema_version()));
  EXPECT_THAT(refusal(with("foreign.h5")), HasSubstr("its study_id is 5b, here it is 5a"));
  EXPECT_THAT(refusal(with("seed.h5")), HasSubstr("its seed is 3"));
  EXPECT_THAT(refusal(with("program.h5")), HasSubstr("its program version is 9.9"));
  EXPECT_THAT(refusal(with("split.h5")), HasSubstr("it is one of 4 shards, here there are 3"));
  EXPECT_THAT(refusal(with("whole.h5")), HasSubstr("whole.h5 is a results file"));
  EXPECT_THAT(refusal({good[0], good[1], good[2], good[1]}),
              AllOf(HasSubstr("repeats"), HasSubstr("both hold block 1")));
  EXPECT_THAT(refusal({good[0], good[2]}),
              HasSubstr("6 of 18 blocks are missing (not given: shard 1/3)"));
  EXPECT_THAT(refusal({}), HasSubstr("no shard to merge"));
  EXPECT_THAT(input_error([&] { merge_shards(good, path("none/out.h5"), false); }),
              HasSubstr("there is no folder"));
}

TEST_F(StorageMerge, AFlippedBitAnywhereIsFoundOrHarmless) {
  schema_ = sample::make_schema({.axes = true, .trials = 3, .steps = 2});
  std::vector<fs::path> shards = write_shards(2);
  merge_shards(shards, path("good.h5"), false);
  const std::string good = bytes(path("good.h5"));
  const std::string whole = bytes(shards[0]);
  std::int64_t found = 0, harmless = 0;
  for (std::size_t at = 0; at < whole.size(); at += 37) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << at % 8));
    set_bytes(shards[0], damaged);
    try {
      merge_shards(shards, path("out.h5"), false);
      ASSERT_TRUE(bytes(path("out.h5")) == good) << "flipped bit at byte " << at;
      ++harmless;
    } catch (const InputError& error) {
      EXPECT_THAT(error.what(), HasSubstr("s0.h5")) << at;
      ++found;
    }
    fs::remove(path("out.h5"));
  }
  EXPECT_GT(found, 200);
  RecordProperty("found", std::to_string(found));
  RecordProperty("harmless", std::to_string(harmless));
}

}  // namespace
}  // namespace lockstep
