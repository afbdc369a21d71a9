"""YAML text is a composed space, or is refused in one line that names the place."""

from __future__ import annotations

from pathlib import Path

import pytest
from composed_parts import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

from archwright.core.errors import SpaceError
from archwright.spaces.compose import Cell, Chain, Choice, Composed, Ints, Op, Ref, Repeat
from archwright.spaces.yaml_space import load_space, parse_space, to_yaml

EVERYTHING = """
name: everything
shared:
  normal: {cell: {nodes: 2, inputs: 2, ops_on: edge, predecessors: 2, output: all, ops: [sep, dil]}}
space:
  chain:
    stem: {choice: [conv3x3, conv7x7, null]}
    body:
      repeat:
        times: {ints: [1, 3]}
        part:
          chain:
            - {repeat: {times: 2, shared: true, part: {ref: normal}}}
            - choice:
                pool: max
                cell: {cell: {nodes: 2, edges: 4, ops: [a, b]}}
    head: {op: {name: linear, width: {ints: {start: 16, stop: 64, step: 16}}, rate: {choice: [1e-3, 0.1]}}}
"""


def test_every_kind_of_part_can_be_written() -> None:
    normal = Cell(["sep", "dil"], nodes=2, inputs=2, ops_on="edge", predecessors=2, output="all")
    cell = Cell(["a", "b"], nodes=2, edges=4)
    block = Chain([Repeat(Ref("normal"), times=2, shared=True), Choice({"pool": "max", "cell": cell})])
    head = Op("linear", {"width": Ints(16, 64, step=16), "rate": Choice([0.001, 0.1])})
    root = Chain({"stem": Choice(["conv3x3", "conv7x7", None]), "body": Repeat(block, times=Ints(1, 3)), "head": head})
    space = parse_space(EVERYTHING)
    assert space == Composed("everything", root, {"normal": normal})
    assert parse_space(to_yaml(space)) == space


@settings(max_examples=25, deadline=None)
@given(space=spaces())
def test_text_round_trip(space: Composed) -> None:
    assert parse_space(to_yaml(space)) == space


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="abcnouyes01.e+-x~ _'\"#:&*!|>%@", min_size=1, max_size=8).filter(str.strip))
def test_names_of_any_kind_stay_texts(name: str) -> None:
    space = Composed("s", Choice([name, "other name"]))
    assert parse_space(to_yaml(space)).value(space.at(0)) == name


@pytest.mark.parametrize(
    ("text", "scalar"),
    [
        *(("no", "no"), ("on", "on"), ("true", True), ("1e-3", 0.001), ("'1e-3'", "1e-3"), ("0x10", "0x10")),
        *(("2020-01-01", "2020-01-01"), ("010", 10), (".5", 0.5), ("-7", -7), ("none", "none"), (".inf", ".inf")),
        ("~", None),
    ],
)
def test_scalars_are_what_they_look_like(text: str, scalar: object) -> None:
    space = parse_space(f"name: s\nspace: {{choice: [{text}, other]}}")
    value = space.value(space.at(0))
    assert value == scalar
    assert type(value) is type(scalar)


REFUSED = {
    "": "empty",
    "# nothing": "empty",
    "[]": "line 1: a space must be a mapping",
    "a: [": "line 1: is not YAML",
    "name: x\n\tspace: y": "line 2: is not YAML",
    "\x00": "is not YAML",
    "name: x": "line 1: a space must have the field 'space'",
    "nam: x\nspace: {choice: [a, b]}": "line 1: a space has no field 'nam'. Did you mean 'name'?",
    "name: a\nname: b\nspace: q": "line 2: a space has 'name' twice",
    "name: [x]\nspace: {choice: [a, b]}": "line 1: name must be",
    "name: x:y\nspace: {choice: [a, b]}": "no colon",
    "name: x\nspace: q": "must have a decision",
    "name: x\nspace: [a]": "line 2: a part must be a scalar or a mapping",
    "name: x\nspace: {choise: [a]}": "line 2: there is no kind of part 'choise'. Did you mean 'choice'?",
    "name: x\nspace: {choice: [a], ints: [1, 2]}": "line 2: a part must be a scalar or a mapping with one of",
    "name: x\nspace: {choice: a}": "line 2: choice must be a list",
    "name: x\nspace: {choice: [a, a]}": "line 2: the options of a choice must differ",
    "name: x\nspace:\n  choice:\n    - a\n    - {choice: [b, '']}": "line 5: an operation's name",
    "name: x\nspace: {choice: {a: 1, a: 2}}": "line 2: choice has 'a' twice",
    "name: x\nspace: {? [a] : b}": "line 2: a key of a part must be a text",
    "name: x\nspace: {ints: [1, 10, 4]}": "line 2: a range must go",
    "name: x\nspace: {ints: [1]}": "line 2: ints must be [start, stop]",
    "name: x\nspace: {ints: {start: 1, end: 3}}": "line 2: ints has no field 'end'",
    "name: x\nspace: {ints: [1, x]}": "line 2: start, stop and step",
    "name: x\nspace: {op: {kernel: 3}}": "line 2: op must have 'name'",
    "name: x\nspace: {op: {name: [1]}}": "line 2: name must be",
    "name: x\nspace: {repeat: {part: a}}": "line 2: repeat must have the field 'times'",
    "name: x\nspace: {repeat: {times: 1.5, part: {choice: [a, b]}}}": "line 2: times of a repeat",
    "name: x\nspace: {repeat: {times: 2, shared: maybe, part: {choice: [a, b]}}}": "line 2: shared of a repeat",
    "name: x\nspace:\n  cell:\n    nodes: 3\n    opps: [a]": "line 5: cell has no field 'opps'. Did you mean 'ops'?",
    "name: x\nspace: {cell: {nodes: many, ops: [a]}}": "line 2: nodes of a cell",
    "name: x\nspace: {cell: {nodes: 3, ops: [a], ops_on: edges}}": "Did you mean 'edge'?",
    "name: x\nspace: {ref: y}": "refers to 'y'",
    "name: x\nshared: {yy: a}\nspace: {ref: y}": "Did you mean 'yy'?",
    "name: x\nshared: [a]\nspace: {ref: y}": "line 2: shared must be a mapping",
    "name: x\nspace: !!python/object:os.system [a]": "line 2: a space must have no tags",
    "name: x\nspace: &a {chain: [*a]}": "levels",
    "- &a [1]\n- *b": "line 2: is not YAML",
    "name: x\nspace: {choice: [a, b]}\n---\nname: y": "line 3: is not YAML",
}


@pytest.mark.parametrize("text", REFUSED, ids=range(len(REFUSED)))
def test_bad_text_is_refused_in_one_line_with_its_place(text: str) -> None:
    with pytest.raises(SpaceError) as refused:
        parse_space(text, source="my.yaml")
    said = str(refused.value)
    assert said.startswith("my.yaml")
    assert REFUSED[text] in said
    assert "\n" not in said


def test_text_that_grows_by_its_aliases_is_refused() -> None:
    lines = ["name: x", "shared:", "  a0: &a0 {choice: [a, b]}"]
    lines += [f"  a{k}: &a{k} {{chain: [{', '.join([f'*a{k - 1}'] * 9)}]}}" for k in range(1, 8)]
    with pytest.raises(SpaceError, match="aliases"):
        parse_space("\n".join([*lines, "space: {ref: a0}"]))


def test_deep_text_is_refused() -> None:
    with pytest.raises(SpaceError, match="levels"):
        parse_space("[" * 1000)
    with pytest.raises(SpaceError, match="levels"):
        parse_space("name: x\nspace: " + "{chain: [" * 40 + "{choice: [a, b]}" + "]}" * 40)


def test_files_are_read_and_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(EVERYTHING, encoding="utf-8")
    assert load_space(path) == parse_space(EVERYTHING)
    path.write_bytes("name: Müller".encode("latin-1"))
    with pytest.raises(SpaceError, match=r"my\.yaml: must be UTF-8"):
        load_space(path)
    path.write_bytes(b"#" * 1_000_001)
    with pytest.raises(SpaceError, match="at most 1,000,000 bytes"):
        load_space(path)
    with pytest.raises(SpaceError, match=r"none\.yaml: cannot be read"):
        load_space(tmp_path / "none.yaml")
    with pytest.raises(SpaceError, match="cannot be read"):
        load_space(tmp_path)
