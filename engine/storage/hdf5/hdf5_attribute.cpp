#include "engine/storage/hdf5/hdf5.hpp"

namespace lockstep::h5 {
namespace {

Handle scalar_space() {
  return {H5Screate(H5S_SCALAR), H5Sclose, "create a scalar space"};
}

Handle text_type(std::size_t size) {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose, "create a text type");
  check(H5Tset_size(type.get(), size), "size a text type");
  check(H5Tset_strpad(type.get(), H5T_STR_NULLTERM), "terminate a text type");
  check(H5Tset_cset(type.get(), H5T_CSET_UTF8), "encode a text type");
  return type;
}

void write_value(const Handle& object, const std::string& name, hid_t file_type, hid_t memory_type,
                 const Handle& space, const void* value) {
  Handle attribute(
      H5Acreate2(object.get(), name.c_str(), file_type, space.get(), H5P_DEFAULT, H5P_DEFAULT),
      H5Aclose, "create attribute " + name);
  check(H5Awrite(attribute.get(), memory_type, value), "write attribute " + name);
  attribute.close("write attribute " + name);
}

Handle open_attribute(const Handle& object, const std::string& name) {
  return {H5Aopen(object.get(), name.c_str(), H5P_DEFAULT), H5Aclose, "read attribute " + name};
}

/// Guards H5Aread against an attribute of another shape or kind than the buffer it fills.
void expect_scalar(const Handle& attribute, H5T_class_t kind, const std::string& name) {
  const Handle space(H5Aget_space(attribute.get()), H5Sclose, "read attribute " + name);
  const Handle type(H5Aget_type(attribute.get()), H5Tclose, "read attribute " + name);
  if (H5Sget_simple_extent_npoints(space.get()) != 1 || H5Tget_class(type.get()) != kind)
    throw Failure("cannot read attribute " + name, "it has another type");
}

}  // namespace

void write_attribute(const Handle& object, const std::string& name, std::string_view text) {
  const std::string terminated(text);
  const Handle type = text_type(terminated.size() + 1);
  write_value(object, name, type.get(), type.get(), scalar_space(), terminated.c_str());
}

void write_attribute(const Handle& object, const std::string& name, std::int64_t value) {
  write_value(object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, scalar_space(), &value);
}

void write_attribute(const Handle& object, const std::string& name, std::uint64_t value) {
  write_value(object, name, H5T_STD_U64LE, H5T_NATIVE_UINT64, scalar_space(), &value);
}

void write_number_attribute(const Handle& object, const std::string& name, double value) {
  write_value(object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, scalar_space(), &value);
}

void write_fill_attribute(const Handle& dataset, double value) {
  const hsize_t one = 1;
  const Handle space(H5Screate_simple(1, &one, nullptr), H5Sclose, "create a space");
  write_value(dataset, "_FillValue", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, space, &value);
}

bool has_attribute(const Handle& object, const std::string& name) {
  return H5Aexists(object.get(), name.c_str()) > 0;
}

std::string read_text(const Handle& object, const std::string& name) {
  const Handle attribute = open_attribute(object, name);
  expect_scalar(attribute, H5T_STRING, name);
  const Handle type(H5Aget_type(attribute.get()), H5Tclose, "read attribute " + name);
  if (H5Tis_variable_str(type.get()) != 0)
    throw Failure("cannot read attribute " + name, "it has another type");
  std::string text(H5Tget_size(type.get()), '\0');
  check(H5Aread(attribute.get(), type.get(), text.data()), "read attribute " + name);
  text.resize(std::min(text.size(), text.find('\0')));
  return text;
}

std::int64_t read_integer(const Handle& object, const std::string& name) {
  const Handle attribute = open_attribute(object, name);
  expect_scalar(attribute, H5T_INTEGER, name);
  std::int64_t value = 0;
  check(H5Aread(attribute.get(), H5T_NATIVE_INT64, &value), "read attribute " + name);
  return value;
}

double read_number(const Handle& object, const std::string& name) {
  const Handle attribute = open_attribute(object, name);
  expect_scalar(attribute, H5T_FLOAT, name);
  double value = 0;
  check(H5Aread(attribute.get(), H5T_NATIVE_DOUBLE, &value), "read attribute " + name);
  return value;
}

}  // namespace lockstep::h5
