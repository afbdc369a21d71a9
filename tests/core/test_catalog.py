from importlib.metadata import EntryPoint

import pytest

from archwright.core import catalog
from archwright.core.catalog import CATALOGUE, find, names
from archwright.core.errors import UnknownNameError
from archwright.search.random import RandomSearch


@pytest.mark.parametrize("kind", sorted(CATALOGUE))
def test_every_name_leads_to_something(kind: str) -> None:
    assert all(callable(find(kind, name)) for name in names(kind))


def test_a_wrong_name_gets_the_nearest_one() -> None:
    with pytest.raises(UnknownNameError, match=r"no searcher 'evolutoin'\. Did you mean 'evolution'\?"):
        find("searcher", "evolutoin")


def test_a_name_like_none_gets_all() -> None:
    with pytest.raises(UnknownNameError, match="There are: bohb, constrained, evolution"):
        find("searcher", "zzzzz")


def test_a_wrong_kind_gets_the_nearest_one() -> None:
    with pytest.raises(UnknownNameError, match=r"Did you mean 'searcher'\?"):
        names("searchr")


def test_plug_ins_are_found_and_never_replace_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def points(*, group: str) -> list[EntryPoint]:
        home = "archwright.search.random:RandomSearch"
        return [EntryPoint("mine", home, group), EntryPoint("evolution", home, group)]

    monkeypatch.setattr(catalog, "entry_points", points)
    assert find("searcher", "mine") is RandomSearch
    assert find("searcher", "evolution") is not RandomSearch


def test_a_class_that_is_at_hand_has_its_name() -> None:
    assert catalog.name_of("searcher", RandomSearch) == "random"
    assert catalog.name_of("searcher", object) is None
    assert catalog.name_of("proxy", RandomSearch) is None
