"""Importers by kind."""

import inspect

import pytest

from archwright.bench.importing import IMPORTERS, import_bench, importer, importer_names
from archwright.core.errors import BenchError, UnknownNameError


def test_an_unknown_kind_has_a_suggestion(tmp_path):
    with pytest.raises(UnknownNameError, match=r"no importer 'tabel'\. Did you mean 'table'"):
        import_bench("tabel", tmp_path, tmp_path / "out")


def test_an_unknown_option_is_told_with_those_there_are(tmp_path):
    with pytest.raises(BenchError, match="importer 'table' has no option 'colour'; it has space, "):
        import_bench("table", tmp_path, tmp_path / "out", colour="red", space=None)


def test_a_path_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BenchError, match="must be a file or folder to import, but it does not exist"):
        import_bench("table", tmp_path / "none.csv", tmp_path / "out", space="nb201")


@pytest.mark.parametrize("kind", importer_names())
def test_every_importer_takes_a_path_and_documented_options(kind):
    read = importer(kind)
    first, *options = inspect.signature(read).parameters.values()
    assert first.name == "path"
    assert all(option.kind is option.KEYWORD_ONLY for option in options)
    assert read.__doc__
    assert all(f"{option.name}:" in read.__doc__ for option in options)


def test_names_are_sorted_and_complete():
    assert list(importer_names()) == sorted(importer_names())
    assert set(IMPORTERS) <= set(importer_names())
