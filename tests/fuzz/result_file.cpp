// A result file is refused by InputError or read whole. Its metadata carry checksums, which random
// bytes hardly ever match: so an input is either a file ('f', then its bytes) or a script ('e') of
// edits, through HDF5, of the file that LOCKSTEP_FUZZ_RESULT names, with header_sha256 made right
// again or not.

#include <fuzzer/FuzzedDataProvider.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/base/error.hpp"
#include "engine/storage/hdf5/hdf5.hpp"
#include "engine/storage/identity.hpp"
#include "engine/storage/result_reader.hpp"
#include "engine/storage/schema_reader.hpp"
#include "tests/fuzz/input_file.hpp"

namespace {

using namespace lockstep;
namespace fs = std::filesystem;

std::string attribute_name(const h5::Handle& object, std::size_t number) {
  char name[256] = "";
  const auto which = static_cast<hsize_t>(number);
  H5Aget_name_by_idx(object.get(), ".", H5_INDEX_NAME, H5_ITER_INC, which, name, sizeof name,
                     H5P_DEFAULT);
  return name;
}

void edit_attribute(const h5::Handle& object, FuzzedDataProvider& script) {
  const std::string name = attribute_name(object, script.ConsumeIntegralInRange(0, 31));
  if (name.empty()) return;
  h5::check(H5Adelete(object.get(), name.c_str()), "delete");
  switch (script.ConsumeIntegralInRange(0, 3)) {
    case 0:
      return h5::write_attribute(object, name, script.ConsumeRandomLengthString(64));
    case 1:
      return h5::write_attribute(object, name, script.ConsumeIntegral<std::int64_t>());
    case 2:
      return h5::write_number_attribute(object, name, script.ConsumeFloatingPoint<double>());
    default:
      return;  // it stays away
  }
}

/// Another dataset of that name, of any small shape.
void replace_dataset(const h5::Handle& file, const std::string& name, FuzzedDataProvider& script) {
  h5::check(H5Ldelete(file.get(), name.c_str(), H5P_DEFAULT), "delete");
  if (script.ConsumeBool()) return;
  h5::Extents extents(script.ConsumeIntegralInRange<std::size_t>(0, 4));
  for (hsize_t& extent : extents) extent = script.ConsumeIntegralInRange<hsize_t>(0, 9);
  const auto type = script.PickValueInArray({h5::Type::float64, h5::Type::int64, h5::Type::text});
  const h5::Handle dataset = h5::create_dataset(file, name, type, extents);
  if (type == h5::Type::int64) {
    std::size_t count = 1;
    for (const hsize_t extent : extents) count *= static_cast<std::size_t>(extent);
    std::vector<std::int64_t> values(count);
    for (std::int64_t& value : values) value = script.ConsumeIntegral<std::int64_t>();
    h5::write(dataset, values);
  }
  if (script.ConsumeBool())
    h5::write_attribute(dataset, "labels", script.ConsumeRandomLengthString(64));
  if (script.ConsumeBool())
    h5::write_attribute(dataset, "extents", script.ConsumeRandomLengthString(16));
  if (script.ConsumeBool()) h5::make_scale(dataset, name);
}

void edit(const fs::path& path, FuzzedDataProvider& script) {
  const h5::Handle file(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), H5Fclose, "open");
  const std::vector<std::string> names = h5::dataset_names(file);
  for (int edits = script.ConsumeIntegralInRange(1, 4); edits > 0; --edits) {
    const auto which = script.ConsumeIntegralInRange<std::size_t>(0, names.size());
    if (which == names.size() || !h5::has_dataset(file, names[which]))
      edit_attribute(h5::open_group(file, "/"), script);
    else if (script.ConsumeBool())
      edit_attribute(h5::open_dataset(file, names[which]), script);
    else
      replace_dataset(file, names[which], script);
  }
  if (!script.ConsumeBool()) return;
  const std::string digest = header_digest(read_schema(file));
  H5Adelete(file.get(), "header_sha256");
  h5::write_attribute(file, "header_sha256", digest);
}

void read_whole(const fs::path& path) {
  const ResultFile file(path);
  file.runtime();
  const ResultSchema& schema = file.schema();
  for (std::size_t variable = 0; variable < schema.variables.size(); ++variable)
    for (std::int64_t point = 0; point < schema.points(); ++point) file.read(variable, point);
  BlockResult block;
  if (file.shard())
    for (const std::int64_t number : file.held_blocks()) file.read_block(number, block);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  h5::be_quiet();
  const fs::path path = "fuzz.h5";
  if (data[0] == 'f') {
    fuzz::input_file(path, data + 1, size - 1);
  } else {
    fs::copy_file(std::getenv("LOCKSTEP_FUZZ_RESULT"), path, fs::copy_options::overwrite_existing);
    FuzzedDataProvider script(data + 1, size - 1);
    try {
      edit(path, script);
    } catch (const h5::Failure&) {  // such an edit cannot be made; the others were
    }
  }
  try {
    read_whole(path);
  } catch (const InputError&) {
  }
  return 0;
}
