"""NAS-Bench-Macro."""

from __future__ import annotations

from pathlib import Path

import pytest

from archwright.core.errors import ArchError
from archwright.spaces.nb_macro import NasBenchMacro


def test_it_has_6561_networks_whose_texts_are_eight_digits() -> None:
    # Source: arXiv:2103.11922, section 4.
    space = NasBenchMacro()
    texts = [space.text(arch) for arch in space.enumerate()]
    assert len(texts) == space.size() == 6_561
    assert texts[:4] == ["00000000", "00000001", "00000002", "00000010"]
    assert space.parse("12001202") == space.parse(" 12001202 ")


def test_the_texts_are_those_of_the_benchmark(shared_data: Path) -> None:
    import pandas as pd

    space = NasBenchMacro()
    table = pd.read_parquet(shared_data / "misc_nas" / "nas_bench_macro_cifar10.parquet", columns=["arch"])
    assert {space.text(arch) for arch in space.enumerate()} == set(table["arch"])


def test_parameters_of_the_benchmark_are_sums_over_the_operations_of_the_graph(shared_data: Path) -> None:
    """Layers of one stage cost the same but for its first, so the graph marks the right ones."""
    import numpy as np
    import pandas as pd

    space = NasBenchMacro()
    table = pd.read_parquet(shared_data / "misc_nas" / "nas_bench_macro_cifar10.parquet").set_index("arch")
    base = table["params"]["00000000"]
    cost = {(k, op): table["params"]["0" * k + op + "0" * (7 - k)] - base for k in range(8) for op in "12"}
    assert cost[3, "1"] == cost[4, "1"]
    assert cost[6, "2"] == cost[7, "2"]
    sums = [base + sum(cost.get((k, op), 0) for k, op in enumerate(arch)) for arch in table.index]
    assert np.array_equal(np.array(sums), table["params"].to_numpy())
    (graph,) = space.graphs(space.parse("11111111"))
    marked = [k for k, op in enumerate(graph.ops[1:-1]) if space.op_names[op] == "mb3_k3-reduce"]
    assert marked == [0, 2, 5]


@pytest.mark.parametrize("text", ["0000000", "000000000", "00000003", "0-0-0-0-0-0-0-0"])
def test_malformed_text_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(ArchError, match="eight digits 0 to 2"):
        NasBenchMacro().parse(text)
