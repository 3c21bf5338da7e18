#include "engine/storage/result_layout.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>

#include "engine/base/error.hpp"
#include "engine/storage/chunk_writer.hpp"
#include "engine/storage/hdf5/hdf5.hpp"
#include "engine/storage/parts/block_checksum.hpp"

namespace lockstep {
namespace {

// HDF5 keeps variable-length texts and the references of dimension scales in heaps without
// checksums, where one flipped bit can make the library loop or crash. So all that ResultFile reads
// stands in attributes too (labels, extents), and what they hold is sealed by header_sha256.

std::string joined(const std::vector<std::string>& lines) {
  return fmt::format("{}", fmt::join(lines, "\n"));
}

void write_header(const h5::Handle& file, const ResultSchema& schema, std::string_view kind) {
  h5::write_attribute(file, "title", schema.title);
  h5::write_attribute(file, "lockstep_file", kind);
  h5::write_attribute(file, "lockstep_schema_version", schema_version());
  h5::write_attribute(file, "program_version", schema.program_version);
  h5::write_attribute(file, "git_commit", schema.git_commit);
  h5::write_attribute(file, "study_id", schema.study_id);
  h5::write_attribute(file, "study", schema.study_text);
  h5::write_attribute(file, "overrides", joined(schema.overrides));
  h5::write_attribute(file, "warnings", joined(schema.warnings));
  h5::write_attribute(file, "resolved_parameters", schema.resolved_parameters);
  h5::write_attribute(file, "header_sha256", header_digest(schema));
  h5::write_attribute(file, "seed", schema.seed);
  h5::write_attribute(file, "seed_text", fmt::format("{}", schema.seed));
  h5::write_attribute(file, "block_trials", schema.block_trials);
  h5::write_attribute(file, "blocks", schema.blocks());
  if (!schema.until.empty()) {
    h5::write_attribute(file, "until", schema.until);
    h5::write_attribute(file, "until_met", std::int64_t{schema.until_met});
  }
}

void write_held(const h5::Handle& file, const ResultSchema& schema, const FileContent& content) {
  const auto held = static_cast<std::int64_t>(content.blocks.size());
  if (content.shard) {
    h5::write_attribute(file, "blocks_held", held);
    h5::write_attribute(file, "shard_index", content.shard->index);
    h5::write_attribute(file, "shard_count", content.shard->count);
  } else {
    h5::write_attribute(file, "blocks_missing", schema.blocks() - held);
  }
}

void write_runtime(const h5::Handle& file, const FileContent& content) {
  const RuntimeInfo& runtime = content.runtime;
  const h5::Handle group = h5::create_group(file, "runtime");
  h5::write_attribute(group, "started_utc", runtime.started_utc);
  h5::write_attribute(group, "finished_utc", runtime.finished_utc);
  h5::write_attribute(group, "host", runtime.host);
  h5::write_attribute(group, "simd_level", runtime.simd_level);
  h5::write_attribute(group, "command_line", runtime.command_line);
  h5::write_attribute(group, "threads", static_cast<std::int64_t>(runtime.threads));
  h5::write_number_attribute(group, "elapsed_s", runtime.elapsed_s);
  h5::write_number_attribute(group, "cpu_s", runtime.cpu_s);
  h5::write_attribute(group, "shards_merged", content.shards_merged);
}

/// A dimension with its coordinate.
struct Dimension {
  h5::Handle scale;
  hsize_t size;
};

h5::Handle start_scale(const h5::Handle& file, const std::string& name, h5::Type type,
                       std::size_t size, const std::string& long_name, const std::string& units) {
  h5::Handle scale = h5::create_dataset(file, name, type, {size});
  h5::make_scale(scale, name);
  h5::write_attribute(scale, "long_name", long_name);
  if (!units.empty()) h5::write_attribute(scale, "units", units);
  return scale;
}

Dimension write_axis(const h5::Handle& file, const Axis& axis) {
  const bool numeric = !axis.numbers.empty();
  Dimension dimension{
      start_scale(file, axis.key, numeric ? h5::Type::float64 : h5::Type::text, axis.labels.size(),
                  "swept parameter " + axis.key, numeric ? axis.units : ""),
      axis.labels.size()};
  h5::write_attribute(dimension.scale, "labels", joined(axis.labels));
  if (numeric)
    h5::write(dimension.scale, axis.numbers);
  else
    h5::write(dimension.scale, axis.labels);
  return dimension;
}

Dimension write_count(const h5::Handle& file, const std::string& name, std::int64_t first,
                      std::int64_t size, const std::string& long_name) {
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(size));
  std::iota(numbers.begin(), numbers.end(), first);
  Dimension dimension{start_scale(file, name, h5::Type::int64, numbers.size(), long_name, "1"),
                      numbers.size()};
  h5::write(dimension.scale, numbers);
  return dimension;
}

Dimension write_names(const h5::Handle& file, const Extent& extent) {
  Dimension dimension{
      start_scale(file, extent.name, h5::Type::text, extent.labels.size(), extent.long_name, ""),
      extent.labels.size()};
  h5::write_attribute(dimension.scale, "labels", joined(extent.labels));
  h5::write(dimension.scale, extent.labels);
  return dimension;
}

/// The blocks a file holds (shard) or lacks (merged with gaps), as a coordinate of its own.
/// netCDF has no fixed dimension of length 0; the count stands in an attribute anyway.
std::optional<Dimension> write_block_list(const h5::Handle& file, const std::string& name,
                                          const std::vector<std::int64_t>& blocks,
                                          const std::string& long_name) {
  if (blocks.empty()) return {};
  h5::Handle scale =
      h5::create_dataset(file, name, h5::Type::int64, {blocks.size()}, {blocks.size()});
  h5::make_scale(scale, name);
  h5::write_attribute(scale, "long_name", long_name);
  h5::write_attribute(scale, "units", "1");
  h5::write(scale, blocks);
  return Dimension{std::move(scale), blocks.size()};
}

/// The checksums of a shard's blocks; their values are written when all blocks have passed.
h5::Handle create_checksums(const h5::Handle& file, const Dimension& blocks) {
  h5::Handle dataset =
      h5::create_dataset(file, "block_checksum", h5::Type::int64, {blocks.size}, {blocks.size});
  h5::write_attribute(dataset, "units", "1");
  h5::write_attribute(dataset, "long_name", "first 64 bits of the SHA-256 of a block's values");
  h5::attach_scale(dataset, blocks.scale, 0);
  return dataset;
}

std::vector<std::int64_t> missing_blocks(const ResultSchema& schema,
                                         const std::vector<std::int64_t>& held) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(schema.blocks())), missing;
  std::iota(all.begin(), all.end(), 0);
  std::set_difference(all.begin(), all.end(), held.begin(), held.end(),
                      std::back_inserter(missing));
  return missing;
}

struct Dimensions {
  std::vector<Dimension> axes;
  std::optional<Dimension> trial;
  std::map<std::string, Dimension, std::less<>> extents;  ///< by name
};

Dimensions write_dimensions(const h5::Handle& file, const ResultSchema& schema) {
  Dimensions dimensions;
  for (const Axis& axis : schema.axes) dimensions.axes.push_back(write_axis(file, axis));
  dimensions.trial = write_count(file, "trial", 0, schema.trials, "random run of a design point");
  if (schema.steps > 0)
    dimensions.extents.emplace(step_extent,
                               write_count(file, std::string(step_extent), 1, schema.steps,
                                           "training step after warm-up"));
  for (const Extent& extent : schema.extents)
    dimensions.extents.emplace(extent.name, write_names(file, extent));
  return dimensions;
}

void describe(const h5::Handle& dataset, const std::string& units, const std::string& long_name) {
  h5::write_attribute(dataset, "units", units);
  h5::write_attribute(dataset, "long_name", long_name);
}

void attach(const h5::Handle& dataset, const std::vector<const Dimension*>& dimensions) {
  for (unsigned d = 0; d < dimensions.size(); ++d)
    h5::attach_scale(dataset, dimensions[d]->scale, d);
}

void write_point_variable(const h5::Handle& file, const PointVariable& variable,
                          const Dimensions& dimensions) {
  h5::Extents extents;
  std::vector<const Dimension*> along;
  const auto add = [&](const Dimension& dimension) {
    extents.push_back(dimension.size);
    along.push_back(&dimension);
  };
  for (const Dimension& axis : dimensions.axes) add(axis);
  for (const std::string& extent : variable.extents) add(dimensions.extents.at(extent));
  const bool numeric = !variable.numbers.empty();
  const h5::Handle dataset = h5::create_dataset(
      file, variable.name, numeric ? h5::Type::float64 : h5::Type::text, extents);
  describe(dataset, variable.units, variable.long_name);
  h5::write_attribute(dataset, "extents", joined(variable.extents));
  if (numeric) {
    h5::write_fill_attribute(dataset, std::numeric_limits<double>::quiet_NaN());
    h5::write(dataset, variable.numbers);
  } else {
    h5::write_attribute(dataset, "labels", joined(variable.texts));
    h5::write(dataset, variable.texts);
  }
  attach(dataset, along);
}

ChunkWriter create_variable(const h5::Handle& file, const ResultSchema& schema,
                            const Variable& variable, const Dimensions& dimensions, bool shard) {
  h5::Extents extents, chunk;
  std::vector<const Dimension*> along;
  const auto add = [&](const Dimension& dimension, hsize_t chunk_size) {
    extents.push_back(dimension.size);
    chunk.push_back(chunk_size);
    along.push_back(&dimension);
  };
  const std::int64_t trials = chunk_trials(schema, variable, shard);
  for (const Dimension& axis : dimensions.axes) add(axis, 1);
  add(*dimensions.trial, static_cast<hsize_t>(trials));
  for (const std::string& extent : variable.extents) {
    const Dimension& dimension = dimensions.extents.at(extent);
    add(dimension, dimension.size);
  }
  h5::Handle dataset = h5::create_dataset(file, variable.name, h5::Type::float64, extents, chunk);
  describe(dataset, variable.units, variable.long_name);
  h5::write_attribute(dataset, "extents", joined(variable.extents));
  h5::write_fill_attribute(dataset, std::numeric_limits<double>::quiet_NaN());
  attach(dataset, along);
  return ChunkWriter(std::move(dataset), extents, schema.axes.size(), schema.trials, trials);
}

}  // namespace

std::int64_t chunk_trials(const ResultSchema& schema, const Variable& variable, bool shard) {
  const std::int64_t trial_bytes =
      std::max<std::int64_t>(1, schema.values_per_trial(variable)) * std::int64_t{sizeof(double)};
  const std::int64_t fitting = chunk_bytes / trial_bytes;
  std::int64_t trials = fitting / schema.block_trials * schema.block_trials;
  if (shard) trials = std::min(trials, schema.block_trials);
  if (trials == 0) {
    trials = std::clamp<std::int64_t>(fitting, 1, schema.block_trials);
    while (schema.block_trials % trials != 0) --trials;
  }
  return std::min(trials, schema.trials);
}

void write_result_file(const std::filesystem::path& path, const ResultSchema& schema,
                       const FileContent& content, BlockSource& source) {
  h5::be_quiet();
  try {
    h5::Handle file = h5::create_file(path);
    write_header(file, schema, content.shard ? "shard" : "results");
    write_held(file, schema, content);
    {
      const Dimensions dimensions = write_dimensions(file, schema);
      h5::Handle checksum_dataset;
      if (!content.shard)
        write_block_list(file, "missing_block", missing_blocks(schema, content.blocks),
                         "block of trials that no merged shard held");
      else if (const auto held = write_block_list(file, "block", content.blocks,
                                                  "block of trials this shard holds"))
        checksum_dataset = create_checksums(file, *held);
      for (const PointVariable& variable : schema.point_variables)
        write_point_variable(file, variable, dimensions);
      std::vector<ChunkWriter> writers;
      for (const Variable& variable : schema.variables)
        writers.push_back(
            create_variable(file, schema, variable, dimensions, content.shard.has_value()));
      std::vector<std::int64_t> checksums;
      for (std::int64_t number : content.blocks) {
        const BlockResult& block = source.read(number);
        if (checksum_dataset) checksums.push_back(block_checksum(block));
        for (std::size_t v = 0; v < writers.size(); ++v)
          writers[v].write(block.point, block.first_trial, block.trials, block.values[v]);
      }
      for (ChunkWriter& writer : writers) writer.finish();
      if (checksum_dataset) h5::write(checksum_dataset, checksums);
    }
    write_runtime(file, content);
    file.close("write the end of the file");
  } catch (const h5::Failure& failure) {
    throw IoError(fmt::format("cannot write {} ({})", path.string(), failure.reason()));
  }
}

std::string points_image(const ResultSchema& schema) {
  h5::be_quiet();
  try {
    const h5::Handle file = h5::create_image();
    write_header(file, schema, "points");
    {
      const Dimensions dimensions = write_dimensions(file, schema);
      for (const PointVariable& variable : schema.point_variables)
        write_point_variable(file, variable, dimensions);
      for (const Variable& variable : schema.variables)
        create_variable(file, schema, variable, dimensions, true);
    }
    return h5::image(file);
  } catch (const h5::Failure& failure) {
    throw IoError(failure.what());
  }
}

}  // namespace lockstep
