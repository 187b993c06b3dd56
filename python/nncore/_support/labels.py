"""The labels of classes, as text in the metadata of files."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def labels_as_metadata(labels: NDArray[Any] | None) -> dict[str, str]:
    """What a file says of the labels: nothing where there are none."""
    if labels is None:
        return {}
    import json  # here, as most programs have no labels

    return {"classes": json.dumps(np.asarray(labels).tolist())}


def labels_from_metadata(metadata: dict[str, str]) -> NDArray[Any] | None:
    """The labels that `labels_as_metadata` wrote; None for none, or for anything else.

    >>> labels_from_metadata(labels_as_metadata(np.array(["no", "yes"])))
    array(['no', 'yes'], dtype='<U3')
    """
    if "classes" not in metadata:
        return None
    import json

    try:
        labels = np.array(json.loads(metadata["classes"]))
    except (ValueError, RecursionError):
        return None
    return labels if labels.ndim == 1 and labels.dtype.kind in "biufU" else None
