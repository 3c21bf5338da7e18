"""Compares result files bit for bit, outside /runtime."""

import h5py


def _value(value):
    """Bits of an attribute or dataset, whatever it holds."""
    if hasattr(value, "dtype"):
        if value.dtype == object:  # texts
            return (value.shape, tuple(str(text) for text in value.ravel()))
        return (str(value.dtype), value.shape, value.tobytes())
    return repr(value)


# HDF5's own links between variables and dimensions hold addresses, which are no content.
_LINKS = ("REFERENCE_LIST", "DIMENSION_LIST")


def content(path):
    """Every dataset and attribute outside /runtime by name, as comparable bits."""
    found = {}

    def take(name, item):
        if name.split("/")[0] == "runtime":
            return
        for key, value in item.attrs.items():
            if key not in _LINKS:
                found[f"{name}@{key}"] = _value(value)
        if isinstance(item, h5py.Dataset):
            found[name] = _value(item[()])

    with h5py.File(path) as file:
        take("", file)
        file.visititems(take)
    return found


def differences(one, other):
    """Names whose bits differ, or that only one of two files has. Both must hold something."""
    a, b = content(one), content(other)
    assert {"step_time", "phase_exposed"} <= set(a) and len(a) > 30
    return sorted(name for name in a.keys() | b.keys() if a.get(name) != b.get(name))
