#pragma once

#include <hdf5.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The one place that calls HDF5: handles that close themselves, attributes, datasets and netCDF-4
/// dimension scales. Every function throws Failure; the library's own error printing is off.
/// HDF5 keeps one global lock, so one thread at a time gains nothing from a second.
namespace lockstep::h5 {

/// A call failed. `what()` is one line: "cannot create dataset step_time (No space left on
/// device)".
class Failure : public std::runtime_error {
 public:
  Failure(const std::string& action, const std::string& reason)
      : std::runtime_error(action + " (" + reason + ")"), reason_(reason) {}
  const std::string& reason() const { return reason_; }

 private:
  std::string reason_;
};

/// Owns one HDF5 identifier of any kind.
class Handle {
 public:
  using Close = herr_t (*)(hid_t);

  Handle() = default;
  /// Takes `id`; throws Failure("cannot " + action) when it is negative.
  Handle(hid_t id, Close closer, const std::string& action);
  Handle(Handle&& other) noexcept
      : id_(std::exchange(other.id_, H5I_INVALID_HID)), close_(other.close_) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  ~Handle();

  hid_t get() const { return id_; }
  explicit operator bool() const { return id_ >= 0; }
  /// Closes now, so that a failure (the last write of a file happens here) is seen.
  void close(const std::string& action);

 private:
  hid_t id_ = H5I_INVALID_HID;
  Close close_ = nullptr;
};

/// Turns HDF5's printing off for the calling thread and its clean-up at exit off for the process:
/// after a failed write that clean-up would try the same write again.
void be_quiet();

/// Throws Failure when `status` is negative.
void check(herr_t status, const std::string& action);

// Files ------------------------------------------------------------------------------------------

/// A new file that tracks creation order and stores no times, so that equal content is equal bytes,
/// in the 1.8 format: object headers carry checksums, and every reader of the last decade opens it.
Handle create_file(const std::filesystem::path& path);
/// The same in memory; `image` returns its bytes.
Handle create_image();
std::string image(const Handle& file);
Handle open_file(const std::filesystem::path& path);
/// Opens bytes that `image` returned; they are copied.
Handle open_image(std::string_view bytes);
Handle create_group(const Handle& parent, const std::string& name);
Handle open_group(const Handle& parent, const std::string& name);

// Attributes -------------------------------------------------------------------------------------

/// Text is scalar, fixed-length, null-terminated UTF-8: what every netCDF reader accepts.
void write_attribute(const Handle& object, const std::string& name, std::string_view text);
void write_attribute(const Handle& object, const std::string& name, std::int64_t value);
void write_attribute(const Handle& object, const std::string& name, std::uint64_t value);
/// A one-element array, as netCDF wants its _FillValue, of a variable's type.
void write_fill_attribute(const Handle& dataset, double value);
void write_number_attribute(const Handle& object, const std::string& name, double value);

bool has_attribute(const Handle& object, const std::string& name);
std::string read_text(const Handle& object, const std::string& name);
std::int64_t read_integer(const Handle& object, const std::string& name);
double read_number(const Handle& object, const std::string& name);

// Datasets ---------------------------------------------------------------------------------------

using Extents = std::vector<hsize_t>;

enum class Type { float64, int64, text };

/// Creates a dataset of `extents` (none: a scalar). With `chunk` extents it is chunked and every
/// chunk carries a fletcher32 checksum. Type::float64 has the fill value NaN.
Handle create_dataset(const Handle& file, const std::string& name, Type type,
                      const Extents& extents, const Extents& chunk = {});
Handle open_dataset(const Handle& file, const std::string& name);
bool has_dataset(const Handle& file, const std::string& name);
/// Names of the root group's datasets in creation order.
std::vector<std::string> dataset_names(const Handle& file);
Extents extents_of(const Handle& dataset);
Type type_of(const Handle& dataset);

void write(const Handle& dataset, std::span<const double> values);
void write(const Handle& dataset, std::span<const std::int64_t> values);
void write(const Handle& dataset, std::span<const std::string> texts);
std::vector<double> read_doubles(const Handle& dataset);
std::vector<std::int64_t> read_integers(const Handle& dataset);

/// One box of a dataset: `count` elements from `start`, row-major in `values`.
void write_box(const Handle& dataset, const Extents& start, const Extents& count,
               std::span<const double> values);
void read_box(const Handle& dataset, const Extents& start, const Extents& count,
              std::span<double> values);

/// Reads one chunk as stored, `chunk` values, and checks it: unlike read_box it fails where the
/// chunk is absent instead of handing out fill values. The dataset is of create_dataset's making.
void read_chunk(const Handle& dataset, const Extents& start, std::span<double> chunk);

// Dimensions -------------------------------------------------------------------------------------

/// Makes a 1-D dataset the coordinate of the dimension of that name.
void make_scale(const Handle& dataset, const std::string& name);
bool is_scale(const Handle& dataset);
void attach_scale(const Handle& dataset, const Handle& scale, unsigned dimension);

}  // namespace lockstep::h5
