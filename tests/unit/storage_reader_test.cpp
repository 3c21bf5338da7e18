#include <hdf5.h>

#include "engine/storage/hdf5/hdf5.hpp"
#include "tests/unit/storage_fixture.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

using testing::HasSubstr;

class StorageReader : public StorageTest {
 protected:
  std::string refusal(const std::string& name) const {
    return input_error([&] { ResultFile{path(name)}; });
  }
  /// Replaces a text attribute of the root group.
  void set_attribute(const std::string& name, const std::string& key,
                     const std::string& text) const {
    const h5::Handle file(H5Fopen(path(name).c_str(), H5F_ACC_RDWR, H5P_DEFAULT), H5Fclose, "open");
    H5Adelete(file.get(), key.c_str());
    h5::write_attribute(file, key, text);
  }
};

TEST_F(StorageReader, RoundTrip) {
  const ResultFile file(write_results("a.h5"));
  const ResultSchema& read = file.schema();
  EXPECT_EQ(read.title, schema_.title);
  EXPECT_EQ(read.study_text, schema_.study_text);
  EXPECT_EQ(read.overrides, schema_.overrides);
  EXPECT_EQ(read.warnings, schema_.warnings);
  EXPECT_EQ(read.resolved_parameters, schema_.resolved_parameters);
  EXPECT_EQ(read.study_id, schema_.study_id);
  EXPECT_EQ(read.seed, schema_.seed);
  EXPECT_EQ(read.axes[1].labels, schema_.axes[1].labels);
  EXPECT_EQ(read.axes[1].numbers, schema_.axes[1].numbers);
  EXPECT_EQ(read.point_variables[1].texts, schema_.point_variables[1].texts);
  EXPECT_EQ(read.point_variables[2].extents, std::vector<std::string>{"phase"});
  EXPECT_EQ(read.point_variables[2].numbers, schema_.point_variables[2].numbers);
  const RuntimeInfo runtime = file.runtime(), written = sample::make_runtime();
  EXPECT_EQ(runtime.started_utc, written.started_utc);
  EXPECT_EQ(runtime.finished_utc, written.finished_utc);
  EXPECT_EQ(runtime.host, written.host);
  EXPECT_EQ(runtime.simd_level, written.simd_level);
  EXPECT_EQ(runtime.command_line, written.command_line);
  EXPECT_EQ(runtime.threads, written.threads);
  EXPECT_EQ(runtime.elapsed_s, written.elapsed_s);
  EXPECT_EQ(runtime.cpu_s, written.cpu_s);
  EXPECT_EQ(file.read("step_time", 3), file.read(0, 3));
}

TEST_F(StorageReader, AShardIsReadableByItself) {
  const ResultFile file(write_shard("s.h5", 1, 4));
  ASSERT_TRUE(file.shard());
  EXPECT_EQ(file.shard()->index, 1);
  EXPECT_EQ(file.shard()->count, 4);
  EXPECT_EQ(file.held_blocks(), sample::blocks_of_shard(schema_, {1, 4}));
  expect_known_values(file);
}

TEST_F(StorageReader, AShardMayHoldNothing) {
  EXPECT_TRUE(ResultFile(write_shard("s.h5", 18, 19)).held_blocks().empty());
}

TEST_F(StorageReader, OneLineForEachBadFile) {
  const std::string whole = bytes(write_results("a.h5"));
  set_bytes(path("empty.h5"), "");
  set_bytes(path("text.h5"), "[fleet]\nchips = H100:512\n");
  set_bytes(path("short.h5"), "\x89H");
  set_bytes(path("cut.h5"), whole.substr(0, whole.size() / 2));
  set_bytes(path("last.h5"), whole.substr(0, whole.size() - 1));
  for (const char* name : {"newer.h5", "older.h5", "minor.h5", "kind.h5", "odd.h5"})
    set_bytes(path(name), whole);
  set_attribute("newer.h5", "lockstep_schema_version", "4.0");
  set_attribute("older.h5", "lockstep_schema_version", "0.9");
  set_attribute("minor.h5", "lockstep_schema_version", "3.7");
  set_attribute("odd.h5", "lockstep_schema_version", "one");
  set_attribute("kind.h5", "lockstep_file", "part");
  h5::create_file(path("other.h5")).close("close");

  EXPECT_THAT(refusal("none.h5"), HasSubstr("does not exist"));
  EXPECT_THAT(refusal("."), HasSubstr("is a folder"));
  EXPECT_THAT(refusal("empty.h5"), HasSubstr("is empty"));
  EXPECT_THAT(refusal("text.h5"), HasSubstr("it is not HDF5"));
  EXPECT_THAT(refusal("short.h5"), HasSubstr("it is not HDF5"));
  EXPECT_THAT(refusal("cut.h5"), HasSubstr("is truncated"));
  EXPECT_THAT(refusal("last.h5"), HasSubstr("is truncated"));
  EXPECT_THAT(refusal("other.h5"), HasSubstr("an HDF5 file of another program"));
  EXPECT_THAT(refusal("newer.h5"),
              HasSubstr("has schema version 4.0 (this program reads 3.x) use a newer program"));
  EXPECT_THAT(refusal("older.h5"), HasSubstr("use an older program"));
  EXPECT_THAT(refusal("odd.h5"), HasSubstr("its schema version reads \"one\""));
  EXPECT_THAT(refusal("kind.h5"), HasSubstr("of kind \"part\""));
  expect_known_values(ResultFile(path("minor.h5")));
}

/// Found by fuzzing: these once ended in an exception of another sort, or in undefined behaviour.
TEST_F(StorageReader, ListsOfOtherLengthsAreRefused) {
  const std::string results = bytes(write_results("a.h5")),
                    shard = bytes(write_shard("s.h5", 1, 4));
  const auto refused = [&](const std::string& whole, const auto& edit) {
    set_bytes(path("b.h5"), whole);
    {
      const h5::Handle file(H5Fopen(path("b.h5").c_str(), H5F_ACC_RDWR, H5P_DEFAULT), H5Fclose,
                            "open");
      edit(file);
    }
    return refusal("b.h5");
  };
  const auto number = [](const char* name, std::int64_t value) {
    return [=](const h5::Handle& file) {
      H5Adelete(file.get(), name);
      h5::write_attribute(file, name, value);
    };
  };
  // Only the axes stay, so that `name` is read in its place; then it is of another shape.
  const auto length = [](const std::string& name, const h5::Extents& extents) {
    return [=](const h5::Handle& file) {
      for (const std::string& other : h5::dataset_names(file))
        if (other.find('.') == std::string::npos) H5Ldelete(file.get(), other.c_str(), H5P_DEFAULT);
      if (name != "trial") h5::create_dataset(file, "trial", h5::Type::int64, {40});
      h5::create_dataset(file, name, h5::Type::int64, extents);
    };
  };
  for (const char* name : {"trial", "step"})
    for (const h5::Extents& extents : {h5::Extents{}, h5::Extents{40, 5}})
      EXPECT_THAT(refused(results, length(name, extents)),
                  HasSubstr(fmt::format("is damaged (\"{}\" has no length)", name)));
  EXPECT_THAT(refused(results, length("trial", {0})), HasSubstr("\"trial\" has another length"));
  for (const char* labels : {"0", "0\n1\n2", ""})
    EXPECT_THAT(refused(results,
                        [&](const h5::Handle& file) {
                          const h5::Handle axis = h5::open_dataset(file, "noise.spike_probability");
                          H5Adelete(axis.get(), "labels");
                          h5::write_attribute(axis, "labels", labels);
                        }),
                HasSubstr("\"noise.spike_probability\" has another length"));
  for (const auto& [extents, why] : {std::pair{"cause", "\"phase_exposed\" has another length"},
                                     std::pair{"phases", "its dimension \"phases\" is unknown"},
                                     std::pair{"", "do not match header_sha256"}})
    EXPECT_THAT(refused(results,
                        [&, extents = extents](const h5::Handle& file) {
                          const h5::Handle parts = h5::open_dataset(file, "phase_exposed");
                          H5Adelete(parts.get(), "extents");
                          h5::write_attribute(parts, "extents", extents);
                        }),
                HasSubstr(why));
  EXPECT_THAT(refused(results, number("block_trials", std::numeric_limits<std::int64_t>::max())),
              HasSubstr("seed_text or block_trials is no such number"));
  for (const std::int64_t count : {0, 1})
    EXPECT_THAT(refused(shard, number("shard_count", count)),
                HasSubstr("shard_index or shard_count is no such number"));
  EXPECT_THAT(refused(shard, number("shard_index", -1)), HasSubstr("is no such number"));
}

TEST_F(StorageReader, UnknownVariable) {
  const ResultFile file(write_results("a.h5"));
  EXPECT_THAT(input_error([&] { file.read("step_tim", 0); }),
              HasSubstr("no variable \"step_tim\" (it has step_time, "));
}

/// All that a file tells of itself, as one text, values bit for bit.
std::string all_of(const ResultFile& file) {
  const ResultSchema& schema = file.schema();
  const RuntimeInfo runtime = file.runtime();
  std::string all = header_digest(schema) + file.identity().schema_version + runtime.started_utc +
                    runtime.finished_utc + runtime.host + runtime.simd_level +
                    runtime.command_line +
                    fmt::format("{} {} {} {}", runtime.threads, runtime.elapsed_s, runtime.cpu_s,
                                fmt::join(file.held_blocks(), " "));
  for (std::size_t v = 0; v < schema.variables.size(); ++v)
    for (std::int64_t point = 0; point < schema.points(); ++point) {
      const std::vector<double> values = file.read(v, point);
      all.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(double));
    }
  return all;
}

/// Flips every bit's turn of every `stride`-th byte: each is found, with one line, or changes
/// nothing that is read. Returns how many were found.
int flip_bytes(const std::string& whole, const fs::path& path, std::size_t stride) {
  const auto write = [&](const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
  };
  write(whole);
  const std::string good = all_of(ResultFile(path));
  int found = 0;
  for (std::size_t at = 0; at < whole.size(); at += stride) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at / stride) % 8));
    write(damaged);
    try {
      EXPECT_TRUE(all_of(ResultFile(path)) == good) << "byte " << at;
    } catch (const InputError& error) {
      EXPECT_THAT(error.what(), HasSubstr(path.filename().string())) << at;
      ++found;
    }
  }
  return found;
}

TEST_F(StorageReader, AFlippedBitAnywhereIsFoundOrHarmless) {
  schema_ = sample::make_schema({.axes = true, .trials = 20, .steps = 2});
  const std::string results = bytes(write_results("a.h5")),
                    shard = bytes(write_shard("s.h5", 1, 3));
  EXPECT_GT(flip_bytes(results, path("a.h5"), 29), 200);
  EXPECT_GT(flip_bytes(shard, path("s.h5"), 31), 200);
}

// The index of chunks has no checksum of HDF5's: trials that it loses are read as never held.
TEST_F(StorageReader, ALostChunkIsFound) {
  std::string damaged = bytes(write_results("a.h5"));
  int nodes = 0;
  for (auto at = damaged.find("TREE\x01"); at != std::string::npos;
       at = damaged.find("TREE\x01", at + 1), ++nodes)
    damaged[at + 6] = static_cast<char>(damaged[at + 6] - 1);  // entries used
  ASSERT_GT(nodes, 0);
  set_bytes(path("a.h5"), damaged);
  const ResultFile file(path("a.h5"));
  EXPECT_THAT(input_error([&] { file.read("goodput", 5); }),
              HasSubstr("goodput of design point 5 is not what was written"));
}

TEST_F(StorageReader, FlippedDataIsNotHandedOut) {
  std::string damaged = bytes(write_results("a.h5"));
  const double marker = sample::value(0, 2, 20, 3);
  const auto at = damaged.find(std::string(reinterpret_cast<const char*>(&marker), sizeof marker));
  ASSERT_NE(at, std::string::npos);
  damaged[at + 3] = static_cast<char>(damaged[at + 3] ^ 4);
  set_bytes(path("a.h5"), damaged);
  const ResultFile file(path("a.h5"));
  EXPECT_THAT(input_error([&] { file.read(0, 2); }), HasSubstr("is damaged"));
  EXPECT_EQ(file.read(0, 1).size(), 200u);
}

}  // namespace
}  // namespace lockstep
