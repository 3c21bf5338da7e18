#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

namespace lockstep::fuzz {

/// Writes a fuzzer's bytes as the file `name` of the current folder, for what reads files only.
inline std::filesystem::path input_file(const std::string& name, const void* data,
                                        std::size_t size) {
  std::ofstream(name, std::ios::binary)
      .write(static_cast<const char*>(data), static_cast<std::streamsize>(size));
  return name;
}

}  // namespace lockstep::fuzz
