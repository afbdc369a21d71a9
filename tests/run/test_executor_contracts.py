"""Every executor of the catalogue keeps the laws of an executor."""

from collections.abc import Iterator

import pytest

from archwright.core.catalog import names
from archwright.core.protocols import Evaluator, Executor
from archwright.run.inline import InlineExecutor
from archwright.run.pool import PoolExecutor
from archwright.run.simulated import SimulatedExecutor
from archwright.testing import ExecutorContract, covered


class TestInline(ExecutorContract):
    name = "inline"

    def make(self, evaluator: Evaluator) -> Executor:
        return InlineExecutor(evaluator)


class TestSimulated(ExecutorContract):
    name = "simulated"

    def make(self, evaluator: Evaluator) -> Executor:
        return SimulatedExecutor(evaluator)


class TestSimulatedWorkers(ExecutorContract):
    def make(self, evaluator: Evaluator) -> Executor:
        return SimulatedExecutor(evaluator, workers=4, start_s=10.0)


class TestPool(ExecutorContract):
    name = "pool"

    def make(self, evaluator: Evaluator) -> Executor:
        pool = PoolExecutor(1)
        pool.use(evaluator)
        return pool


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
class TestRay(ExecutorContract):
    """On a cluster of one node that all these tests share."""

    name = "ray"

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def cluster(cls) -> Iterator[None]:
        ray = pytest.importorskip("ray", reason="needs Ray: the extra `ray`")
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=40)
        yield
        ray.shutdown()

    def make(self, evaluator: Evaluator) -> Executor:
        from archwright.run.ray import RayExecutor

        return RayExecutor(evaluator)


def test_every_executor_has_a_contract() -> None:
    assert covered(ExecutorContract, "executor") == set(names("executor"))
