#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace lockstep {

/// A folder with measured values for empirical laws, good and bad.
inline std::string csv_folder() {
  const auto folder = std::filesystem::path(testing::TempDir()) / "lockstep_distribution_test";
  std::filesystem::create_directories(folder);
  const auto write = [&](const char* name, const char* text) {
    std::ofstream(folder / name) << text;
  };
  write("delays.csv", "us\n3\n1\n\n2 \n2\r\n");
  write("bare.csv", "0.5\n1.5\n");
  write("no_unit.csv", "3\n1\n");
  write("words.csv", "us\n3\nabc\n");
  write("negative.csv", "us\n3\n-1\n");
  write("empty.csv", "us\n");
  return folder.string();
}

}  // namespace lockstep
