"""One thread for products of matrices, which are small here: several would only wait for each other."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def one_thread(function: Callable[P, T]) -> Callable[P, T]:
    """``function`` with one thread for NumPy's and SciPy's linear algebra, however many the caller has.

    The tools say so before NumPy is imported; a notebook has imported it already, and wants its threads back.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        import scipy.linalg  # noqa: F401, PLC0415 - what comes later would keep its threads
        from threadpoolctl import threadpool_limits  # noqa: PLC0415

        with threadpool_limits(1, user_api="blas"):
            return function(*args, **kwargs)

    return run
