"""Contract suites: inherit one in a test class, say how to make the thing, and its laws are tested.

class TestMySearcher(SearcherContract):
    name = "mine"

    def make(self, space):
        return MySearcher(space)
"""

from archwright.testing.covered import covered
from archwright.testing.encoder import EncoderContract
from archwright.testing.encoder_network import EncoderNetworkContract
from archwright.testing.evaluator import EvaluatorContract
from archwright.testing.executor import ExecutorContract
from archwright.testing.network import NetworkContract
from archwright.testing.predictor import PredictorContract
from archwright.testing.proxy import ProxyContract
from archwright.testing.searcher import SearcherContract
from archwright.testing.space import SpaceContract
from archwright.testing.toy import Broken, NotANumber, Toy

__all__ = [
    "Broken",
    "EncoderContract",
    "EncoderNetworkContract",
    "EvaluatorContract",
    "ExecutorContract",
    "NetworkContract",
    "NotANumber",
    "PredictorContract",
    "ProxyContract",
    "SearcherContract",
    "SpaceContract",
    "Toy",
    "covered",
]
