"""Random composed spaces for tests."""

from __future__ import annotations

from hypothesis import strategies as st

from archwright.spaces.compose import Cell, Chain, Choice, Composed, Ints, Op, Ref, Repeat

NAMES = ("conv", "pool", "skip")


def ints():
    return st.builds(
        lambda start, steps, step: Ints(start, start + steps * step, step),
        st.integers(-3, 5),
        st.integers(0, 2),
        st.integers(1, 4),
    )


def ops():
    settings = st.dictionaries(st.sampled_from(("kernel", "width")), ints() | st.just("same"), max_size=2)
    return st.builds(Op, st.sampled_from(("dense", "norm")), settings)


def full_cells(inner):
    on_edge = st.builds(
        lambda nodes, inputs, ops: Cell([*ops, "none"], nodes=nodes, inputs=inputs, ops_on="edge"),
        st.integers(1, 2),
        st.integers(1, 2),
        st.lists(inner, min_size=1, max_size=2, unique_by=repr),
    )
    on_node = st.builds(
        lambda nodes, inputs, ops: Cell(ops, nodes=nodes, inputs=inputs, edges=3),
        st.integers(1, 2),
        st.integers(1, 2),
        st.lists(inner, min_size=1, max_size=2, unique_by=repr),
    )
    return on_edge | on_node


def read_cells(inner):
    return st.builds(
        lambda nodes, inputs, on, output, ops: Cell(
            ops, nodes=nodes, inputs=inputs, ops_on=on, predecessors=1, output=output
        ),
        st.integers(1, 3),
        st.integers(1, 2),
        st.sampled_from(("node", "edge")),
        st.sampled_from((None, "all", "last")),
        st.lists(inner, min_size=1, max_size=2, unique_by=repr),
    )


def larger(inner):
    some = st.lists(inner, min_size=1, max_size=3, unique_by=repr)
    named = st.dictionaries(st.sampled_from("abc"), inner, min_size=1, max_size=3)
    times = st.integers(1, 2) | st.just(Ints(0, 2)) | st.just(Choice([0, 2]))
    small = st.sampled_from(NAMES) | ops()
    return st.one_of(
        # Named, so that no two options have values that look alike.
        st.builds(Choice, named),
        st.builds(Chain, some | named),
        st.builds(Repeat, inner, times=times, shared=st.booleans()),
        full_cells(small),
        read_cells(small),
    )


def parts():
    leaves = st.sampled_from((*NAMES, None, 3)) | ints() | ops() | st.just(Choice(["conv", "pool", None]))
    return st.recursive(leaves, larger, max_leaves=4)


@st.composite
def spaces(draw):
    """Return a space with at least one decision and at most some thousand points."""
    shared = {"m": Choice(["conv", "pool"]), "n": Chain([Ref("m"), Ints(1, 2)])}
    root = Chain({"head": Choice(["conv", "pool"]), "body": draw(parts())})
    if draw(st.booleans()):
        root = Chain({"head": root, "tail": Choice({"m": Ref("m"), "n": Ref("n"), "none": None})})
    return Composed("made", root, shared)
