"""Names for arrays by their element type, so that annotations stay short.

Shapes are said where an array comes in: in the docstring, or in its name (``image_hwc``).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]
AnyFloats = NDArray[np.float32] | NDArray[np.float64]
Pixels = NDArray[np.uint8]
Flags = NDArray[np.bool_]
Indices = NDArray[np.intp]
Counts = NDArray[np.int64]
Integers = NDArray[np.int32]
Codes = NDArray[np.uint16]
Spectra = NDArray[np.complex128]
