#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace lockstep {

/// A folder with measured values for empirical laws, good and bad; of this process alone, since
/// ctest runs several cases at once.
inline std::string csv_folder() {
  const auto folder = std::filesystem::path(testing::TempDir()) /
                      fmt::format("lockstep_distribution_test_{}", getpid());
  std::filesystem::create_directories(folder);
  const auto write = [&](const char* name, const char* text) {
    std::ofstream(folder / name) << text;
  };
  write("delays.csv", "us\n3\n1\n\n2 \n2\r\n");
  write("dressed.csv",
        "\xEF\xBB\xBF# measured in May\r\n\r\n\"us\" # unit\r\n3\r\n 1 # twice\r\n2\r\n2\r\n");
  write("spelt.csv", "usec\n3\n");
  write("columns.csv", "us\n1,5\n");
  write("bare.csv", "0.5\n1.5\n");
  write("no_unit.csv", "3\n1\n");
  write("words.csv", "us\n3\nabc\n");
  write("negative.csv", "us\n3\n-1\n");
  write("empty.csv", "us\n");
  return folder.string();
}

}  // namespace lockstep
