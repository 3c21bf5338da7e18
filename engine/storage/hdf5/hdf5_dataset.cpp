#include <hdf5_hl.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "engine/storage/hdf5/hdf5.hpp"

namespace lockstep::h5 {
namespace {

Handle space_of(const Extents& extents) {
  if (extents.empty()) return {H5Screate(H5S_SCALAR), H5Sclose, "create a scalar space"};
  return {H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr), H5Sclose,
          "create a space"};
}

Handle variable_text() {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose, "create a text type");
  check(H5Tset_size(type.get(), H5T_VARIABLE), "size a text type");
  check(H5Tset_cset(type.get(), H5T_CSET_UTF8), "encode a text type");
  return type;
}

std::string name_of(const Handle& dataset) {
  char name[256] = "dataset";
  H5Iget_name(dataset.get(), name, sizeof name);
  return name[0] == '/' ? name + 1 : name;
}

std::size_t element_count(const Extents& extents) {
  return std::accumulate(extents.begin(), extents.end(), std::size_t{1},
                         [](std::size_t n, hsize_t e) { return n * static_cast<std::size_t>(e); });
}

/// Guards a read against a dataset that does not hold what the caller expects.
std::size_t expect(const Handle& dataset, Type type) {
  if (type_of(dataset) != type)
    throw Failure("cannot read " + name_of(dataset), "it has another type");
  return element_count(extents_of(dataset));
}

template <class T>
std::vector<T> read_values(const Handle& dataset, Type type, hid_t memory_type) {
  std::vector<T> values(expect(dataset, type));
  check(H5Dread(dataset.get(), memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()),
        "read " + name_of(dataset));
  return values;
}

/// The file's space with one box selected.
Handle box_in(const Handle& dataset, const Extents& start, const Extents& count) {
  Handle space(H5Dget_space(dataset.get()), H5Sclose, "read " + name_of(dataset));
  if (!start.empty())
    check(H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, start.data(), nullptr, count.data(),
                              nullptr),
          "select a part of " + name_of(dataset));
  return space;
}

}  // namespace

Handle create_dataset(const Handle& file, const std::string& name, Type type,
                      const Extents& extents, const Extents& chunk) {
  const Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "prepare dataset creation");
  constexpr unsigned order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
  check(H5Pset_attr_creation_order(creation.get(), order), "track creation order");
  check(H5Pset_obj_track_times(creation.get(), false), "leave times out");
  if (!chunk.empty()) {
    check(H5Pset_chunk(creation.get(), static_cast<int>(chunk.size()), chunk.data()),
          "chunk " + name);
    check(H5Pset_fletcher32(creation.get()), "add checksums to " + name);
  }
  if (type == Type::float64) {
    const double fill = std::numeric_limits<double>::quiet_NaN();
    check(H5Pset_fill_value(creation.get(), H5T_NATIVE_DOUBLE, &fill), "fill " + name);
  }
  // Whole chunks are written once, in order: a cache would only copy them.
  const Handle access(H5Pcreate(H5P_DATASET_ACCESS), H5Pclose, "prepare dataset access");
  check(H5Pset_chunk_cache(access.get(), 1, 0, 0), "size the cache of " + name);
  const Handle text = type == Type::text ? variable_text() : Handle();
  const hid_t file_type = type == Type::text      ? text.get()
                          : type == Type::float64 ? H5T_IEEE_F64LE
                                                  : H5T_STD_I64LE;
  return {H5Dcreate2(file.get(), name.c_str(), file_type, space_of(extents).get(), H5P_DEFAULT,
                     creation.get(), access.get()),
          H5Dclose, "create " + name};
}

Handle open_dataset(const Handle& file, const std::string& name) {
  return {H5Dopen2(file.get(), name.c_str(), H5P_DEFAULT), H5Dclose, "open " + name};
}

bool has_dataset(const Handle& file, const std::string& name) {
  return H5Lexists(file.get(), name.c_str(), H5P_DEFAULT) > 0;
}

std::vector<std::string> dataset_names(const Handle& file) {
  using Found = std::vector<std::pair<std::int64_t, std::string>>;
  Found found;
  const auto collect = [](hid_t group, const char* name, const H5L_info_t* link,
                          void* out) -> herr_t {
    H5O_info_t info;
    if (H5Oget_info_by_name2(group, name, &info, H5O_INFO_BASIC, H5P_DEFAULT) < 0) return -1;
    if (info.type == H5O_TYPE_DATASET) static_cast<Found*>(out)->emplace_back(link->corder, name);
    return 0;
  };
  // Native order and a sort of our own: for any other order HDF5 1.10 builds a table, which it
  // frees half filled, and crashes, when a damaged file stops it.
  check(H5Literate(file.get(), H5_INDEX_CRT_ORDER, H5_ITER_NATIVE, nullptr, collect, &found),
        "list the variables");
  std::sort(found.begin(), found.end());
  std::vector<std::string> names;
  for (auto& entry : found) names.push_back(std::move(entry.second));
  return names;
}

Extents extents_of(const Handle& dataset) {
  const Handle space(H5Dget_space(dataset.get()), H5Sclose, "read " + name_of(dataset));
  const int rank = H5Sget_simple_extent_ndims(space.get());
  check(rank, "read " + name_of(dataset));
  Extents extents(static_cast<std::size_t>(rank));
  check(H5Sget_simple_extent_dims(space.get(), extents.data(), nullptr),
        "read " + name_of(dataset));
  return extents;
}

Type type_of(const Handle& dataset) {
  const Handle type(H5Dget_type(dataset.get()), H5Tclose, "read " + name_of(dataset));
  switch (H5Tget_class(type.get())) {
    case H5T_FLOAT:
      return Type::float64;
    case H5T_INTEGER:
      return Type::int64;
    case H5T_STRING:
      if (H5Tis_variable_str(type.get()) > 0) return Type::text;
      [[fallthrough]];
    default:
      throw Failure("cannot read " + name_of(dataset), "it has another type");
  }
}

void write(const Handle& dataset, std::span<const double> values) {
  check(H5Dwrite(dataset.get(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()),
        "write " + name_of(dataset));
}

void write(const Handle& dataset, std::span<const std::int64_t> values) {
  check(H5Dwrite(dataset.get(), H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()),
        "write " + name_of(dataset));
}

void write(const Handle& dataset, std::span<const std::string> texts) {
  std::vector<const char*> pointers;
  for (const std::string& text : texts) pointers.push_back(text.c_str());
  const Handle type = variable_text();
  check(H5Dwrite(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, pointers.data()),
        "write " + name_of(dataset));
}

std::vector<double> read_doubles(const Handle& dataset) {
  return read_values<double>(dataset, Type::float64, H5T_NATIVE_DOUBLE);
}

std::vector<std::int64_t> read_integers(const Handle& dataset) {
  return read_values<std::int64_t>(dataset, Type::int64, H5T_NATIVE_INT64);
}

void write_box(const Handle& dataset, const Extents& start, const Extents& count,
               std::span<const double> values) {
  check(H5Dwrite(dataset.get(), H5T_NATIVE_DOUBLE, space_of({values.size()}).get(),
                 box_in(dataset, start, count).get(), H5P_DEFAULT, values.data()),
        "write " + name_of(dataset));
}

void read_box(const Handle& dataset, const Extents& start, const Extents& count,
              std::span<double> values) {
  check(H5Dread(dataset.get(), H5T_NATIVE_DOUBLE, space_of({values.size()}).get(),
                box_in(dataset, start, count).get(), H5P_DEFAULT, values.data()),
        "read " + name_of(dataset));
}

void make_scale(const Handle& dataset, const std::string& name) {
  check(H5DSset_scale(dataset.get(), name.c_str()), "make the dimension " + name);
}

bool is_scale(const Handle& dataset) {
  return H5DSis_scale(dataset.get()) > 0;
}

void attach_scale(const Handle& dataset, const Handle& scale, unsigned dimension) {
  check(H5DSattach_scale(dataset.get(), scale.get(), dimension),
        "attach a dimension to " + name_of(dataset));
}

}  // namespace lockstep::h5
