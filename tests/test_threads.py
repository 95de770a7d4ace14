from __future__ import annotations

import numpy as np
import scipy.linalg
from threadpoolctl import threadpool_info, threadpool_limits

import agnet
from agnet.threads import one_thread


def threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_linear_algebra_has_one_thread_while_a_function_runs() -> None:
    scipy.linalg.cholesky(np.eye(2))
    with threadpool_limits(2, user_api="blas"):
        before = threads()
        assert one_thread(threads)() == {1}
        assert threads() == before


def test_functions_of_the_package_run_so() -> None:
    seen = []
    with threadpool_limits(2, user_api="blas"):
        agnet.search("nb201/cifar10", queries=8, callback=lambda progress: seen.append(threads()))
    assert seen
    assert all(at == {1} for at in seen)
