#pragma once

#include "engine/run/result.hpp"
#include "engine/storage/hdf5/hdf5.hpp"

namespace lockstep {

/// The schema that a results or shard file was written with. Throws h5::Failure.
ResultSchema read_schema(const h5::Handle& file);

/// The attributes of /runtime. Throws h5::Failure.
RuntimeInfo read_runtime(const h5::Handle& file);

}  // namespace lockstep
