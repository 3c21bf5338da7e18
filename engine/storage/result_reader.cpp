#include "engine/storage/result_reader.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <span>
#include <string_view>
#include <utility>

#include "engine/base/error.hpp"
#include "engine/storage/hdf5/hdf5.hpp"
#include "engine/storage/parts/block_checksum.hpp"
#include "engine/storage/point_checksums.hpp"
#include "engine/storage/result_layout.hpp"
#include "engine/storage/schema_reader.hpp"

namespace lockstep {

struct ResultFile::Content {
  std::filesystem::path path;
  h5::Handle file;
  ResultSchema schema;
  Identity identity;
  std::string layout;
  std::optional<Shard> shard;
  std::vector<std::int64_t> held;
  std::vector<std::int64_t> checksums;  ///< of a shard's held blocks
  std::vector<h5::Handle> variables;
  std::vector<std::int64_t> chunks;          ///< trials in a chunk, per variable
  std::vector<std::string> point_checksums;  ///< text per variable
};

namespace {

namespace fs = std::filesystem;

std::vector<std::int64_t> read_list(const h5::Handle& file, const std::string& name) {
  return h5::has_dataset(file, name) ? h5::read_integers(h5::open_dataset(file, name))
                                     : std::vector<std::int64_t>();
}

/// Held blocks, checked against the count that stands in an attribute.
std::vector<std::int64_t> read_held(const h5::Handle& file, const ResultSchema& schema,
                                    bool shard) {
  const std::vector<std::int64_t> list = read_list(file, shard ? "block" : "missing_block");
  const std::int64_t count = h5::read_integer(file, shard ? "blocks_held" : "blocks_missing");
  if (static_cast<std::int64_t>(list.size()) != count ||
      h5::read_integer(file, "blocks") != schema.blocks() ||
      std::adjacent_find(list.begin(), list.end(), std::greater_equal()) != list.end() ||
      (count > 0 && (list.front() < 0 || list.back() >= schema.blocks())))
    throw h5::Failure("cannot read the list of blocks", "its list of blocks does not fit its size");
  if (shard) return list;
  std::vector<std::int64_t> all(static_cast<std::size_t>(schema.blocks())), held;
  std::iota(all.begin(), all.end(), 0);
  std::set_difference(all.begin(), all.end(), list.begin(), list.end(), std::back_inserter(held));
  return held;
}

/// Whether the values of a design point's trials, all of them, are those that were written: the
/// held ones match their checksum, the others are NaN.
bool are_whole(const std::vector<double>& values, const ResultSchema& schema,
               const std::vector<std::int64_t>& held, std::int64_t point,
               std::string_view checksums) {
  const std::size_t per_trial = values.size() / static_cast<std::size_t>(schema.trials);
  PointChecksums found;
  const std::int64_t begin = point * schema.blocks_per_point();
  for (std::int64_t block = begin; block < begin + schema.blocks_per_point(); ++block) {
    const BlockResult place = place_of(schema, block);
    const auto of_block =
        std::span(values).subspan(static_cast<std::size_t>(place.first_trial) * per_trial,
                                  static_cast<std::size_t>(place.trials) * per_trial);
    if (std::binary_search(held.begin(), held.end(), block))
      found.add(0, of_block);
    else if (!std::all_of(of_block.begin(), of_block.end(), [](double x) { return std::isnan(x); }))
      return false;
  }
  constexpr std::size_t length = 17;  // 16 digits and the end of the line
  const std::size_t at = static_cast<std::size_t>(point) * length;
  return at < checksums.size() && checksums.substr(at, length - 1) == found.text(1);
}

/// Where a design point's trial begins in a variable of this rank.
h5::Extents position(const ResultSchema& schema, std::int64_t point, std::int64_t trial,
                     std::size_t rank) {
  h5::Extents start(rank, 0);
  for (std::size_t axis = schema.axes.size(); axis-- > 0;) {
    const auto size = static_cast<std::int64_t>(schema.axes[axis].labels.size());
    start[axis] = static_cast<hsize_t>(point % size);
    point /= size;
  }
  start[schema.axes.size()] = static_cast<hsize_t>(trial);
  return start;
}

h5::Handle open_variable(const h5::Handle& file, const ResultSchema& schema,
                         const Variable& variable) {
  h5::Handle dataset = h5::open_dataset(file, variable.name);
  h5::Extents expected;
  for (const Axis& axis : schema.axes) expected.push_back(axis.labels.size());
  expected.push_back(static_cast<hsize_t>(schema.trials));
  for (const std::string& extent : variable.extents)
    expected.push_back(static_cast<hsize_t>(schema.size_of(extent)));
  if (h5::type_of(dataset) != h5::Type::float64 || h5::extents_of(dataset) != expected)
    throw h5::Failure("cannot read " + variable.name, "its shape does not fit its dimensions");
  return dataset;
}

}  // namespace

ResultFile::ResultFile(fs::path path) : content_(std::make_unique<Content>()) {
  constexpr std::string_view kinds[] = {"results", "shard"};
  Content& content = *content_;
  content.path = std::move(path);
  OpenedFile opened = open_result(content.path, {kinds, "lockstep run or merge"});
  content.file = std::move(opened.file);
  content.schema = std::move(opened.schema);
  content.layout = std::move(opened.layout);
  try {
    const bool shard = opened.kind == "shard";
    if (shard)
      content.shard = Shard{h5::read_integer(content.file, "shard_index"),
                            h5::read_integer(content.file, "shard_count")};
    if (shard && (content.shard->index < 0 || content.shard->index >= content.shard->count))
      refuse_damaged(content.path, "its shard_index or shard_count is no such number");
    content.identity = identity_of(content.schema, content.shard);
    content.identity.schema_version = opened.schema_version;
    content.held = read_held(content.file, content.schema, shard);
    if (shard) content.checksums = read_list(content.file, "block_checksum");
    if (content.checksums.size() != (shard ? content.held.size() : 0))
      refuse_damaged(content.path, "its checksums do not fit its list of blocks");
    for (const Variable& variable : content.schema.variables) {
      content.variables.push_back(open_variable(content.file, content.schema, variable));
      content.chunks.push_back(chunk_trials(content.schema, variable, shard));
      const h5::Handle& dataset = content.variables.back();
      content.point_checksums.push_back(h5::has_attribute(dataset, checksums_attribute)
                                            ? h5::read_text(dataset, checksums_attribute)
                                            : "");
    }
  } catch (const h5::Failure& failure) {
    refuse_damaged(content.path, failure.reason());
  }
}

ResultFile::ResultFile(ResultFile&&) noexcept = default;
ResultFile& ResultFile::operator=(ResultFile&&) noexcept = default;
ResultFile::~ResultFile() = default;

const fs::path& ResultFile::path() const {
  return content_->path;
}
const ResultSchema& ResultFile::schema() const {
  return content_->schema;
}
const Identity& ResultFile::identity() const {
  return content_->identity;
}
const std::string& ResultFile::layout() const {
  return content_->layout;
}
const std::optional<Shard>& ResultFile::shard() const {
  return content_->shard;
}
const std::vector<std::int64_t>& ResultFile::held_blocks() const {
  return content_->held;
}

RuntimeInfo ResultFile::runtime() const {
  h5::be_quiet();
  try {
    return read_runtime(content_->file);
  } catch (const h5::Failure& failure) {
    refuse_damaged(content_->path, failure.reason());
  }
}

std::vector<double> ResultFile::read(std::size_t variable, std::int64_t point) const {
  h5::be_quiet();
  const ResultSchema& schema = content_->schema;
  try {
    const h5::Handle& dataset = content_->variables.at(variable);
    h5::Extents count = h5::extents_of(dataset);
    std::fill_n(count.begin(), schema.axes.size(), 1);
    std::vector<double> values(static_cast<std::size_t>(
        schema.trials * schema.values_per_trial(schema.variables[variable])));
    h5::read_box(dataset, position(schema, point, 0, count.size()), count, values);
    const std::string& checksums = content_->point_checksums[variable];
    if (!checksums.empty() && !are_whole(values, schema, content_->held, point, checksums))
      refuse_damaged(content_->path, fmt::format("{} of design point {} is not what was written",
                                                 schema.variables[variable].name, point));
    return values;
  } catch (const h5::Failure& failure) {
    refuse_damaged(content_->path, failure.reason());
  }
}

std::vector<double> ResultFile::read(const std::string& variable, std::int64_t point) const {
  const std::vector<Variable>& variables = content_->schema.variables;
  std::vector<std::string> names;
  for (std::size_t v = 0; v < variables.size(); ++v) {
    if (variables[v].name == variable) return read(v, point);
    names.push_back(variables[v].name);
  }
  throw InputError(fmt::format("{} has no variable \"{}\" (it has {}) choose one of these",
                               content_->path.string(), variable, fmt::join(names, ", ")));
}

void ResultFile::read_block(std::int64_t number, BlockResult& block) const {
  h5::be_quiet();
  const ResultSchema& schema = content_->schema;
  const BlockResult place = place_of(schema, number);
  block.block = number;
  block.point = place.point;
  block.first_trial = place.first_trial;
  block.trials = place.trials;
  block.values.resize(schema.variables.size());
  std::vector<double> chunk;
  try {
    for (std::size_t v = 0; v < schema.variables.size(); ++v) {
      const Variable& variable = schema.variables[v];
      const std::int64_t per_trial = schema.values_per_trial(variable);
      const std::int64_t chunk_trials = content_->chunks[v];
      const std::size_t rank = schema.axes.size() + 1 + variable.extents.size();
      block.values[v].resize(static_cast<std::size_t>(place.trials * per_trial));
      chunk.resize(static_cast<std::size_t>(chunk_trials * per_trial));
      for (std::int64_t at = 0; at < place.trials; at += chunk_trials) {
        h5::read_chunk(content_->variables[v],
                       position(schema, place.point, place.first_trial + at, rank), chunk);
        // The last chunk of a design point is stored whole, beyond the last trial too.
        std::copy_n(chunk.begin(), std::min(chunk_trials, place.trials - at) * per_trial,
                    block.values[v].begin() + at * per_trial);
      }
    }
    const std::vector<std::int64_t>& held = content_->held;
    const auto at = std::lower_bound(held.begin(), held.end(), number) - held.begin();
    if (block_checksum(block) != content_->checksums.at(static_cast<std::size_t>(at)))
      refuse_damaged(content_->path, fmt::format("block {}: its checksum does not match", number));
  } catch (const h5::Failure& failure) {
    refuse_damaged(content_->path, fmt::format("block {}: {}", number, failure.reason()));
  }
}

}  // namespace lockstep
