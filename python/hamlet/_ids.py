"""Token ids as users give them."""

from __future__ import annotations

from typing import Sequence, Union

import numpy as np

Ids = Union[Sequence[int], np.ndarray]


def ids(given: Ids, what: str) -> np.ndarray:
    """i32, one dimension, contiguous."""
    if isinstance(given, (str, bytes)):
        raise TypeError(f"{what}: expected token ids, found {type(given).__name__}")
    array = np.asarray(given)
    if array.size == 0:
        return np.zeros(0, np.int32)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise TypeError(f"{what}: expected a sequence of token ids, found {array.dtype} of shape {array.shape}")
    low, high = int(array.min()), int(array.max())
    if low < 0 or high > np.iinfo(np.int32).max:
        raise ValueError(f"{what}: {low if low < 0 else high} is not a token id")
    return np.ascontiguousarray(array, np.int32)
