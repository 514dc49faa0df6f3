"""Archives of samples: ``.npz`` files that are streamed to disk batch by batch."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from tfgen.data.conditions import Conditions, labels_in
from tfgen.data.spec import DataSpec


def write_npz(
    path: Path, batches: Iterator[NDArray[np.generic]], data: DataSpec, count: int, labels: Conditions | None
) -> None:
    """Stream batches of examples to disk, as the array ``x`` of an ``.npz``, with ``labels`` and ``context`` if there are any.

    Args:
        path: of the file.
        batches: of `count` examples in all.
        data: spec of the data set.
        count: number of examples.
        labels: int32 [count], or contexts float32 [count, k], with the label first where the data have both; None for neither.
    """
    dtype = np.dtype(data.dtype)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        with archive.open("x.npy", "w", force_zip64=True) as entry:
            header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": (count, *data.shape)}
            npy.write_array_header_1_0(entry, header)
            for batch in batches:
                entry.write(np.ascontiguousarray(batch, dtype).tobytes())
        context = labels[:, int(data.classes is not None) :] if labels is not None and labels.ndim == 2 else None
        for name, array in (("labels", labels_in(labels, data.classes is not None)), ("context", context)):
            if array is not None:
                with archive.open(f"{name}.npy", "w") as entry:
                    npy.write_array(entry, array)
