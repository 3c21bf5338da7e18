#include "engine/storage/parts/part_folder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include "engine/base/error.hpp"
#include "engine/storage/files/durable_file.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_cached_parts = 2;
/// The number in "000012.h5"; -1 for any other name.
std::int64_t part_number(const std::string& name) {
  std::int64_t number = -1;
  const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (failure != std::errc() || std::string_view(end) != ".h5" || number < 0) return -1;
  return number;
}

}  // namespace

PartFolder::PartFolder(fs::path folder, const ResultSchema& schema, Identity identity)
    : folder_(std::move(folder)), schema_(schema), identity_(std::move(identity)), lock_(folder_) {
  clean_and_load();
}

void PartFolder::clean_and_load() {
  std::vector<std::int64_t> numbers;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_)) {
    const std::string name = entry.path().filename().string();
    if (const std::int64_t number = part_number(name); number >= 0) numbers.push_back(number);
    if (entry.path().extension() == ".tmp") fs::remove(entry.path(), ignored);
  }
  std::sort(numbers.begin(), numbers.end());
  parts_ = static_cast<std::int64_t>(numbers.size());
  for (std::int64_t number : numbers) load(number);
  next_ = numbers.empty() ? 0 : numbers.back() + 1;
}

void PartFolder::load(std::int64_t number) {
  const Part part = decode(number);
  if (const std::string text = difference(part.identity, identity_); !text.empty())
    throw InputError(fmt::format("{} is of another run ({}) {}", part_path(number).string(), text,
                                 way_on(part.identity, identity_)));
  for (const BlockResult& block : part.blocks) home_[block.block] = number;
}

Part PartFolder::decode(std::int64_t number) const {
  const fs::path path = part_path(number);
  std::string bytes;
  try {
    bytes = read_bytes(path);
  } catch (const IoError& failure) {
    throw InputError(failure.what());
  }
  return decode_part(schema_, identity_, bytes, path.string());
}

fs::path PartFolder::part_path(std::int64_t number) const {
  return folder_ / fmt::format("{:06}.h5", number);
}

void PartFolder::append(const std::vector<BlockResult>& blocks) {
  check();
  write_durably(part_path(next_), encode_part(schema_, identity_, blocks));
  for (const BlockResult& block : blocks) home_[block.block] = next_;
  ++parts_;
  ++next_;
}

std::vector<std::int64_t> PartFolder::blocks() const {
  std::vector<std::int64_t> numbers;
  numbers.reserve(home_.size());
  for (const auto& entry : home_) numbers.push_back(entry.first);
  return numbers;
}

const BlockResult& PartFolder::read(std::int64_t block) {
  const std::int64_t number = home_.at(block);
  auto found = std::find_if(cache_.begin(), cache_.end(),
                            [&](const auto& entry) { return entry.first == number; });
  if (found == cache_.end()) {
    // The oldest goes first, so that three parts are never in memory.
    if (cache_.size() == most_cached_parts) cache_.pop_back();
    std::map<std::int64_t, BlockResult> blocks;
    for (BlockResult& one : decode(number).blocks) blocks.emplace(one.block, std::move(one));
    cache_.emplace_front(number, std::move(blocks));
  } else {
    cache_.splice(cache_.begin(), cache_, found);
  }
  return cache_.front().second.at(block);
}

void PartFolder::remove() {
  // What cannot be removed does no harm: the next start with --resume tries again. What is not of
  // this run stays, and the folder with it.
  std::error_code ignored;
  cache_.clear();
  std::set<std::int64_t> numbers;
  for (const auto& entry : home_) numbers.insert(entry.second);
  for (const std::int64_t number : numbers) fs::remove(part_path(number), ignored);
  parts_ = 0;
  home_.clear();
}

}  // namespace lockstep
