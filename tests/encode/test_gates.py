"""GATES and TA-GATES: information flows as the paper says, and equal networks have equal encodings."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from archwright.core.arch import Arch
from archwright.core.catalog import find
from archwright.core.errors import EncodingError
from archwright.core.rng import derive
from archwright.encode.batch import EdgeBatch, GraphBatch
from archwright.encode.gates import Gates, Salient, TaGates, Vocabulary, layers_needed
from archwright.spaces.edges import EdgeCell

NB201 = find("space", "nb201")()
NONE, SKIP, CONV1, CONV3, POOL = range(5)
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
WIDTHS = (12, 10, 8, 8)


def arch(**ops: int) -> Arch:
    """Return the cell with the operations given by edge, as `e01=CONV3`, and none elsewhere."""
    return Arch("nb201", tuple(ops.get(f"e{s}{t}", NONE) for s, t in EDGES))


def edges(*archs: Arch) -> EdgeBatch:
    return EdgeBatch.of(NB201, archs)


def gates(**changed) -> Gates:
    torch.manual_seed(0)
    return Gates(NB201, embedding=6, widths=WIDTHS, **changed).double()


def ta_gates(**changed) -> TaGates:
    torch.manual_seed(0)
    made = {"embedding": 6, "widths": WIDTHS, "convert": 9, "scale": 1.0, "steps": 3} | changed
    return TaGates(NB201, **made).double()


def encoded(net: Gates, *archs: Arch, z: Tensor | None = None) -> Tensor:
    batch = edges(*archs)
    batch = EdgeBatch(batch.ops, batch.source.double(), batch.target.double(), batch.n_ops, batch.n_inputs)
    with torch.no_grad():
        return net(batch if z is None else Salient(batch, z))


class Twin:
    """One cell, node by node and edge by edge, as the equations read."""

    def __init__(self, net: Gates, skips: str = "identity") -> None:
        self.net, self.layer, self.gated = net, skips != "identity", skips == "operation"

    def forward(self, cell: EdgeCell, embeddings: Tensor) -> list[list[Tensor]]:
        """Return the information of each node after each layer."""
        return self._flow(cell, embeddings, self.net.forward_flow, list(self.net.information), reverse=False)

    def backward(self, cell: EdgeCell, embeddings: Tensor, start: Tensor) -> list[list[Tensor]]:
        return self._flow(cell, embeddings, self.net.backward_flow, [start], reverse=True)

    def _flow(self, cell: EdgeCell, embeddings: Tensor, part, start: list[Tensor], *, reverse: bool):
        zero = torch.zeros_like(start[0])
        n = cell.n_nodes
        info = [zero] * (n - 1) + start if reverse else start + [zero] * (n - len(start))
        first = {n - 1} if reverse else set(range(len(start)))
        masks = torch.sigmoid(part.gates(embeddings))
        layers, begin, messages = [], 0, []
        for number, weight in enumerate(part.weights):
            held = [each @ weight for each in info]
            gate = masks[:, begin : begin + weight.shape[1]]
            begin += weight.shape[1]
            after: dict[int, Tensor] = {}
            messages = [
                torch.zeros(weight.shape[1], dtype=torch.float64)
                if op == NONE or (op == SKIP and not self.layer)
                else (1.0 if op == SKIP and not self.gated else gate[e]) * held[target if reverse else source]
                for e, (source, target, op) in enumerate(cell.edges)
            ]
            for node in reversed(range(n)) if reverse else range(n):
                value = held[node] if node in first else torch.zeros(weight.shape[1], dtype=torch.float64)
                for e, (source, target, op) in enumerate(cell.edges):
                    read, fed = (target, source) if reverse else (source, target)
                    if fed == node and op == SKIP and not self.layer:
                        value = value + after[read]
                    elif fed == node:
                        value = value + messages[e]
                after[node] = value
            info = [after[node] for node in range(n)]
            if number < len(part.weights) - 1:
                info = [torch.relu(each) for each in info]
            layers.append(info)
        self.messages = messages
        return layers


def root(cell: EdgeCell, node: int) -> int:
    """Return the node that `node` is a copy of."""
    into = [(source, op) for source, target, op in cell.edges if target == node and op != NONE]
    return root(cell, into[0][0]) if len(into) == 1 and into[0][1] == SKIP else node


def looped(net: TaGates, cell: EdgeCell, skips: str = "identity") -> Tensor:
    """Return the encoding of one cell by algorithm 1, one operation after another."""
    twin = Twin(net, skips)
    embeddings = net.op(torch.tensor([op for _, _, op in cell.edges]))
    for step in range(net.steps):
        info = twin.forward(cell, embeddings)[-1]
        sent = twin.messages
        if step == net.steps - 1:
            break
        back = twin.backward(cell, embeddings, net.convert(info[-1]))[-1]
        rows = []
        for e, (source, target, _) in enumerate(cell.edges):
            node = net.contact == "node"
            read = root(cell, source) if skips == "identity" else source
            contact = [info[target], back[read]] if node else [sent[e], twin.messages[e]]
            rows.append(embeddings[e] + net.scale * net.update(torch.cat([embeddings[e], *contact])))
        embeddings = torch.stack(rows)
    return info[-1]


def some(n: int) -> list[Arch]:
    rng = derive(0, "gates")
    return [NB201.random(rng=rng) for _ in range(n)]


@pytest.mark.parametrize("skips", ["identity", "layer", "operation"])
def test_gates_are_the_equations_node_by_node(skips: str) -> None:
    net, archs = gates(skips=skips), some(12)
    found = encoded(net, *archs)
    for row, each in zip(found, archs, strict=True):
        (cell,) = NB201.cells(each)
        embeddings = net.op(torch.tensor([op for _, _, op in cell.edges]))
        torch.testing.assert_close(row, Twin(net, skips).forward(cell, embeddings)[-1][-1].detach())


@pytest.mark.parametrize("skips", ["identity", "layer", "operation"])
@pytest.mark.parametrize("contact", ["message", "node"])
def test_ta_gates_are_algorithm_1_operation_by_operation(contact: str, skips: str) -> None:
    net, archs = ta_gates(contact=contact, skips=skips), some(12)
    found = encoded(net, *archs)
    for row, each in zip(found, archs, strict=True):
        torch.testing.assert_close(row, looped(net, NB201.cells(each)[0], skips).detach())


def test_only_skips_that_are_identities_make_equal_networks_equal() -> None:
    # A copy of the node after a convolution, and that node itself; then a skip out of the input.
    chain, direct = arch(e01=CONV3, e12=SKIP, e23=CONV1), arch(e01=CONV3, e13=CONV1)
    begun, at_once = arch(e01=SKIP, e13=CONV1), arch(e03=CONV1)
    for skips, equal in (("identity", True), ("layer", False), ("operation", False)):
        found = encoded(gates(skips=skips), chain, direct)
        assert torch.allclose(found[0], found[1]) is equal
    torch.testing.assert_close(*encoded(gates(skips="layer"), begun, at_once))


def test_one_time_step_is_gates() -> None:
    ta, plain = ta_gates(steps=1), gates()
    plain.load_state_dict({name: value for name, value in ta.state_dict().items() if name in plain.state_dict()})
    torch.testing.assert_close(encoded(ta, *some(5)), encoded(plain, *some(5)))


def test_an_encoding_does_not_depend_on_its_batch() -> None:
    net, archs = ta_gates(), some(7)
    together = encoded(net, *archs)
    torch.testing.assert_close(together, torch.cat([encoded(net, each) for each in archs]))


# Arch-A and Arch-B of figure 2: node 1 and node 2 by a convolution each, or node 2 as a copy of node 1.
ARCH_A = arch(e01=CONV3, e02=CONV3, e13=SKIP, e23=SKIP)
ARCH_B = arch(e01=CONV3, e12=SKIP, e13=SKIP, e23=SKIP)


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_arch_a_and_arch_b_are_one_without_symmetry_breaking(steps: int) -> None:
    a, b = encoded(ta_gates(steps=steps), ARCH_A, ARCH_B)
    torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("symmetry", ["random", "add", "concat"])
def test_arch_a_and_arch_b_are_two_with_symmetry_breaking(symmetry: str) -> None:
    net = ta_gates(symmetry=symmetry)
    z = torch.randn(2, 1, 6, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    z[1] = z[0]
    a, b = encoded(net, ARCH_A, ARCH_B, z=z)
    assert float((a - b).abs().max() / a.abs().max()) > 1e-3


def test_symmetry_breaking_needs_saliencies() -> None:
    with pytest.raises(EncodingError, match="'concat' needs saliencies"):
        encoded(ta_gates(symmetry="concat"), ARCH_A)
    with pytest.raises(EncodingError, match="'add' needs saliencies"):
        ta_gates(symmetry="add").prepare([ARCH_A])
    given = ta_gates(symmetry="add", saliency=lambda archs: torch.ones(len(archs), 1, 6, 5))
    assert given.prepare([ARCH_A, ARCH_B]).take(slice(1, 2)).z.shape == (1, 1, 6, 5)


@pytest.mark.parametrize("contact", ["message", "node"])
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_a_node_that_is_only_a_skip_is_its_predecessor(contact: str, data: st.DataObject) -> None:
    """Whoever reads node 2, a copy of node 0 or 1, may as well read that."""
    op = st.sampled_from([NONE, SKIP, CONV1, CONV3, POOL])
    source = data.draw(st.sampled_from([0, 1]))
    e01, e03, e13 = data.draw(op), data.draw(op), data.draw(op)
    free = 3 if source == 0 else 4  # the edge from the predecessor to the output
    through = data.draw(op)
    copied = {"e02": SKIP} if source == 0 else {"e12": SKIP}
    ops = {"e01": e01, "e03": e03, "e13": e13} | copied
    ops[f"e{source}3"] = NONE
    via = arch(**ops, e23=through)
    direct = arch(**(ops | {f"e{source}3": through}))
    assert EDGES[free] == (source, 3)
    first, second = encoded(ta_gates(contact=contact), via, direct)
    torch.testing.assert_close(first, second, rtol=1e-10, atol=1e-10)


def test_an_exchange_of_alike_nodes_changes_nothing() -> None:
    """Nodes 1 and 2, with no edge between them, may change places."""
    for a, b, c, d in itertools.product((CONV1, CONV3), (CONV3, POOL), (CONV1, SKIP), (POOL, CONV3)):
        one, two = arch(e01=a, e02=b, e13=c, e23=d), arch(e01=b, e02=a, e13=d, e23=c)
        first, second = encoded(ta_gates(), one, two)
        torch.testing.assert_close(first, second, rtol=1e-10, atol=1e-10)


def test_what_nothing_reads_does_not_count_in_gates() -> None:
    first, second = encoded(gates(), arch(e03=CONV3, e01=CONV1), arch(e03=CONV3, e02=POOL))
    torch.testing.assert_close(first, second)


def test_a_masked_update_leaves_operations_without_parameters() -> None:
    pools = arch(e01=POOL, e13=POOL)
    masked, free, plain = ta_gates(mask_fixed=True), ta_gates(), ta_gates(steps=1)
    torch.testing.assert_close(encoded(masked, pools), encoded(plain, pools))
    assert not torch.allclose(encoded(free, pools), encoded(plain, pools))
    convolutions = arch(e01=CONV3, e13=CONV3)
    # Operations that nothing flows through are updated as well; they do not count.
    torch.testing.assert_close(encoded(masked, convolutions), encoded(free, convolutions))


def test_detached_updates_give_the_same_encoding_and_another_gradient() -> None:
    free, detached = ta_gates(), ta_gates(detach=True)
    batch = edges(*some(6))
    batch = EdgeBatch(batch.ops, batch.source.double(), batch.target.double(), batch.n_ops, batch.n_inputs)
    outs = [net(batch) for net in (free, detached)]
    torch.testing.assert_close(*outs)
    for out in outs:
        out.square().sum().backward()
    assert not torch.allclose(free.op.weight.grad, detached.op.weight.grad)


def test_anytime_gives_the_encodings_of_fewer_steps() -> None:
    long, short = ta_gates(steps=4), ta_gates(steps=2)
    batch = edges(*some(4))
    batch = EdgeBatch(batch.ops, batch.source.double(), batch.target.double(), batch.n_ops, batch.n_inputs)
    with torch.no_grad():
        all_steps = long.anytime(batch)
        torch.testing.assert_close(all_steps[1], short(batch))
        torch.testing.assert_close(all_steps[-1], long(batch))


@pytest.mark.parametrize("name", ["darts", "nds_enas", "transnas_micro", "spikenas"])
def test_spaces_with_operations_on_edges_are_encoded(name: str) -> None:
    space = find("space", name)()
    rng = derive(1, name)
    torch.manual_seed(0)
    net = TaGates(space, widths=(16,) * 6, embedding=8, convert=16)
    out = net(net.prepare([space.random(rng=rng) for _ in range(9)]))
    assert out.shape == (9, net.dim)
    assert bool(torch.isfinite(out).all())
    assert len(torch.unique(out, dim=0)) > 5


@pytest.mark.parametrize("name", ["nb101", "nb1shot1_3", "enas_dvae", "nb_macro", "nlp", "asr"])
def test_spaces_with_operations_on_nodes_are_encoded(name: str) -> None:
    space = find("space", name)()
    rng = derive(2, name)
    archs = [space.random(rng=rng) for _ in range(9)]
    torch.manual_seed(0)
    net = TaGates(space, widths=(16,) * 5, embedding=8, convert=16)
    batch = net.prepare(archs)
    out = net(batch)
    assert out.shape == (9, net.dim)
    assert bool(torch.isfinite(out).all())
    wider = GraphBatch.of(space, archs, n_nodes=batch.ops.shape[-1] + 2)
    torch.testing.assert_close(net(wider), out, msg="padding must not count")


def test_poolings_have_no_parameters_whatever_they_are_called() -> None:
    fixed = {name: Vocabulary.of(find("space", name)()).fixed for name in ("enas_dvae", "nb101", "nb201")}
    assert fixed == {"enas_dvae": (4, 5), "nb101": (2,), "nb201": (NONE, SKIP, POOL)}


@pytest.mark.parametrize("space", ["nb201", "nb_macro"])
def test_by_default_there_are_layers_enough_for_something_to_arrive(space: str) -> None:
    known = find("space", space)()
    rng = derive(0, "arrives")
    archs = [known.random(rng=rng) for _ in range(3)]
    net = Gates(known)
    assert len(net.forward_flow.weights) == {"nb201": 5, "nb_macro": 9}[space] == max(5, layers_needed(known))
    with torch.no_grad():
        first, second, third = net(net.prepare(archs))
    assert not torch.allclose(first, second)
    assert not torch.allclose(second, third)


def test_every_input_of_a_recurrent_cell_is_one() -> None:
    space = find("space", "nlp")()
    words = Vocabulary.of(space)
    names = [space.op_names[op] for op in words.input_ops]
    assert names == ["x", "h_prev_0", "h_prev_1", "h_prev_2"]
    archs = [space.random(rng=derive(k, "nlp")) for k in range(6)]
    for net in (Gates(space, embedding=6, widths=WIDTHS), TaGates(space, embedding=6, widths=WIDTHS, convert=8)):
        net = net.double()
        batch = net.prepare(archs)
        batch = GraphBatch(batch.ops, batch.adjacency.double(), batch.n_ops)
        for number, name in enumerate(names):
            before = net(batch).detach()
            with torch.no_grad():
                net.information[number] += 1.0
            moved = (net(batch) - before).abs().amax(-1) > 1e-9
            for each, changed in zip(archs, moved, strict=True):
                # An information arrives if a path leads from its node to the output, as long as there are layers.
                (cell,) = space.graphs(each)
                assert not changed or name in [space.op_names[op] for op in cell.ops]
            if name in ("x", "h_prev_0"):
                assert moved.any()


def test_several_inputs_on_nodes_are_the_equations() -> None:
    space = find("space", "nlp")()
    torch.manual_seed(0)
    net = Gates(space, embedding=6, widths=WIDTHS).double()
    for k in range(6):
        arch = space.random(rng=derive(k, "nlp"))
        (cell,) = space.graphs(arch)
        begins = {
            node: net.vocabulary.input_ops.index(op)
            for node, op in enumerate(cell.ops)
            if op in net.vocabulary.input_ops
        }
        gates, at = torch.sigmoid(net.forward_flow.gates(net.op(torch.tensor(cell.ops)))), 0
        info = [net.information[begins[n]] if n in begins else torch.zeros(6).double() for n in range(len(cell.ops))]
        for number, weight in enumerate(net.forward_flow.weights):
            held = [each @ weight for each in info]
            gate = gates[:, at : (at := at + weight.shape[1])]
            read = [
                sum((held[a] for a, b in cell.edges if b == n), torch.zeros_like(held[0])) for n in range(len(held))
            ]
            info = [held[n] if n in begins else gate[n] * read[n] for n in range(len(held))]
            if number < len(WIDTHS) - 1:
                info = [torch.relu(each) for each in info]
        batch = net.prepare([arch])
        batch = GraphBatch(batch.ops, batch.adjacency.double(), batch.n_ops)
        torch.testing.assert_close(net(batch)[0], info[-1])
