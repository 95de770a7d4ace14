"""``digits``: 1,797 handwritten digits of 8×8 grey pixels, which come with scikit-learn.

The test set of the UCI Machine Learning Repository's "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak,
1998; CC BY 4.0). A fifth of each class is the test.
"""

from __future__ import annotations

import numpy as np

from agnet.errors import InputError
from agnet.images.base import Images, Split, with_test


def load(name: str, *, size: int, classes: int) -> Images:
    """The digits.

    Raises:
        InputError: if scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits  # noqa: PLC0415 - heavy, and an extra
    except ImportError:
        raise InputError("data digits comes with scikit-learn: pip install 'agnet[images]'") from None
    pixels, numbers = load_digits(return_X_y=True)
    # 16 is white
    x = np.round(pixels * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
    return with_test(name, tuple("0123456789"), Split(x, numbers.astype(np.int64)))
