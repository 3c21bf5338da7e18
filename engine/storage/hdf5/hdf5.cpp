#include "engine/storage/hdf5/hdf5.hpp"

#include <algorithm>

namespace lockstep::h5 {
namespace {

/// The innermost entry of the thread's error stack: the cause, in the system's words if it has any.
std::string reason_of_failure() {
  std::string reason;
  H5Ewalk2(
      H5E_DEFAULT, H5E_WALK_UPWARD,
      [](unsigned depth, const H5E_error2_t* error, void* out) -> herr_t {
        if (depth == 0 && error->desc) *static_cast<std::string*>(out) = error->desc;
        return 0;
      },
      &reason);
  constexpr std::string_view key = "error message = '";
  if (const auto at = reason.find(key); at != std::string::npos) {
    const auto begin = at + key.size();
    reason = reason.substr(begin, reason.find('\'', begin) - begin);
  }
  std::replace(reason.begin(), reason.end(), '\n', ' ');
  return reason.empty() ? "unknown HDF5 error" : reason;
}

/// Property list of files: no HDF5 lock (it fails on NFS and Lustre; part_folder.cpp keeps two
/// writers apart).
Handle file_access() {
  be_quiet();
  Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "prepare file access");
  check(H5Pset_file_locking(access.get(), false, true), "switch file locking off");
  return access;
}

Handle file_creation() {
  Handle creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose, "prepare file creation");
  constexpr unsigned order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
  check(H5Pset_link_creation_order(creation.get(), order), "track creation order");
  check(H5Pset_attr_creation_order(creation.get(), order), "track creation order");
  check(H5Pset_obj_track_times(creation.get(), false), "leave times out");
  return creation;
}

/// Keeps the image in memory only, growing by 1 MiB. In the oldest format: H5Fget_file_image of
/// HDF5 1.10 clears a flag in a newer superblock, whose checksum is then wrong.
Handle memory_access() {
  Handle access = file_access();
  check(H5Pset_fapl_core(access.get(), std::size_t{1} << 20, false), "prepare memory");
  return access;
}

}  // namespace

Handle::Handle(hid_t id, Close closer, const std::string& action) : id_(id), close_(closer) {
  if (id < 0) throw Failure("cannot " + action, reason_of_failure());
}

Handle::~Handle() {
  if (id_ >= 0) close_(id_);
}

void Handle::close(const std::string& action) {
  if (id_ >= 0) check(close_(std::exchange(id_, H5I_INVALID_HID)), action);
}

void be_quiet() {
  static const herr_t once = H5dont_atexit();
  (void)once;
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

void check(herr_t status, const std::string& action) {
  if (status < 0) throw Failure("cannot " + action, reason_of_failure());
}

Handle create_file(const std::filesystem::path& path) {
  const Handle access = file_access(), creation = file_creation();
  check(H5Pset_libver_bounds(access.get(), H5F_LIBVER_V18, H5F_LIBVER_V18), "choose the format");
  return {H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation.get(), access.get()), H5Fclose,
          "create " + path.string()};
}

Handle create_image() {
  const Handle access = memory_access(), creation = file_creation();
  return {H5Fcreate("image", H5F_ACC_TRUNC, creation.get(), access.get()), H5Fclose,
          "create a file in memory"};
}

std::string image(const Handle& file) {
  check(H5Fflush(file.get(), H5F_SCOPE_GLOBAL), "flush a file in memory");
  const ssize_t size = H5Fget_file_image(file.get(), nullptr, 0);
  check(size < 0 ? -1 : 0, "measure a file in memory");
  std::string bytes(static_cast<std::size_t>(size), '\0');
  const ssize_t copied = H5Fget_file_image(file.get(), bytes.data(), bytes.size());
  check(copied < 0 ? -1 : 0, "copy a file in memory");
  return bytes;
}

Handle open_file(const std::filesystem::path& path) {
  const Handle access = file_access();
  return {H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get()), H5Fclose, "open " + path.string()};
}

Handle open_image(std::string_view bytes) {
  const Handle access = memory_access();
  // The library copies the bytes on opening and does not write to them.
  check(H5Pset_file_image(access.get(), const_cast<char*>(bytes.data()), bytes.size()),
        "prepare a file in memory");
  return {H5Fopen("image", H5F_ACC_RDONLY, access.get()), H5Fclose, "open a file in memory"};
}

Handle create_group(const Handle& parent, const std::string& name) {
  const Handle creation(H5Pcreate(H5P_GROUP_CREATE), H5Pclose, "prepare group creation");
  constexpr unsigned order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
  check(H5Pset_link_creation_order(creation.get(), order), "track creation order");
  check(H5Pset_attr_creation_order(creation.get(), order), "track creation order");
  check(H5Pset_obj_track_times(creation.get(), false), "leave times out");
  return {H5Gcreate2(parent.get(), name.c_str(), H5P_DEFAULT, creation.get(), H5P_DEFAULT),
          H5Gclose, "create group " + name};
}

Handle open_group(const Handle& parent, const std::string& name) {
  return {H5Gopen2(parent.get(), name.c_str(), H5P_DEFAULT), H5Gclose, "open group " + name};
}

}  // namespace lockstep::h5
