#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "engine/base/error.hpp"
#include "engine/storage/merge.hpp"
#include "engine/storage/result_reader.hpp"
#include "engine/storage/result_writer.hpp"
#include "tests/storage/sample.hpp"

namespace lockstep {

/// A folder of its own for each test, and the synthetic study written there.
class StorageTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "lockstep-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path path(const std::string& name) const { return folder_ / name; }

  /// Options that save a part every `batch_blocks` blocks, whatever the time.
  WriterOptions options(const std::string& name, bool resume = false,
                        std::int64_t batch_blocks = 2) const {
    WriterOptions writing;
    writing.path = path(name);
    writing.resume = resume;
    writing.batch_bytes = static_cast<std::size_t>(batch_blocks * values_per_block(schema_) * 8);
    writing.batch_seconds = 1e9;
    return writing;
  }

  /// Writes up to `most` blocks that are not there yet; finishes when all are.
  void run(const WriterOptions& writing, std::int64_t most = 1 << 30) const {
    ResultWriter writer(schema_, writing);
    std::vector<std::int64_t> blocks = writing.blocks.value_or(std::vector<std::int64_t>());
    if (!writing.blocks)
      for (std::int64_t b = 0; b < schema_.blocks(); ++b) blocks.push_back(b);
    const std::vector<std::int64_t> done = writer.finished_blocks();
    for (std::int64_t b : blocks) {
      if (std::find(done.begin(), done.end(), b) != done.end()) continue;
      if (most-- == 0) return writer.flush();
      writer.write(sample::make_block(schema_, b));
    }
    writer.finish(sample::make_runtime());
  }

  std::filesystem::path write_results(const std::string& name) const {
    run(options(name));
    return path(name);
  }

  std::filesystem::path write_shard(const std::string& name, std::int64_t index,
                                    std::int64_t count) const {
    WriterOptions writing = options(name);
    writing.shard = Shard{index, count};
    writing.blocks = sample::blocks_of_shard(schema_, *writing.shard);
    run(writing);
    return path(name);
  }

  static std::string bytes(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream all;
    all << in.rdbuf();
    return all.str();
  }
  static void set_bytes(const std::filesystem::path& file, const std::string& content) {
    std::ofstream(file, std::ios::binary) << content;
  }

  ResultSchema schema_ = sample::make_schema({});
  std::filesystem::path folder_;
};

/// The one line of the InputError that `call` throws; a failure when it throws none.
template <class Call>
std::string input_error(Call call) {
  try {
    call();
  } catch (const InputError& error) {
    EXPECT_EQ(error.messages().size(), 1u);
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    return error.what();
  }
  ADD_FAILURE() << "no InputError";
  return "";
}

/// Every held value of the file is the known one, every other NaN; at least one is held.
inline void expect_known_values(const ResultFile& file) {
  const ResultSchema& schema = file.schema();
  std::int64_t known = 0;
  for (std::size_t v = 0; v < schema.variables.size(); ++v) {
    const std::int64_t per_trial = schema.values_per_trial(schema.variables[v]);
    for (std::int64_t point = 0; point < schema.points(); ++point) {
      const std::vector<double> values = file.read(v, point);
      ASSERT_EQ(static_cast<std::int64_t>(values.size()), schema.trials * per_trial);
      for (std::int64_t i = 0; i < schema.trials * per_trial; ++i) {
        const std::int64_t trial = i / per_trial;
        const std::int64_t block = point * schema.blocks_per_point() + trial / schema.block_trials;
        const bool held =
            std::binary_search(file.held_blocks().begin(), file.held_blocks().end(), block);
        const double expected = held ? sample::value(v, point, trial, i % per_trial) : std::nan("");
        const double got = values[static_cast<std::size_t>(i)];
        if (std::isnan(expected))
          ASSERT_TRUE(std::isnan(got)) << v << ' ' << point << ' ' << i;
        else
          ASSERT_EQ(got, expected) << v << ' ' << point << ' ' << i;
        known += !std::isnan(expected);
      }
    }
  }
  EXPECT_GT(known, 0);
}

}  // namespace lockstep
