"""Shapes of inputs."""

from __future__ import annotations

from typing import Any

import pytest

from archwright.data.shapes import ImageShape, ShapeError, TokenShape, VectorShape, require_shape


def test_images_are_those_of_cifar_10_by_default() -> None:
    assert ImageShape() == ImageShape(channels=3, height=32, width=32, classes=10)
    assert TokenShape(1000).length == 35


@pytest.mark.parametrize("wrong", [0, -1, 2.0, True, "3", None])
def test_a_shape_has_positive_whole_numbers_only(wrong: Any) -> None:
    for make in (lambda: ImageShape(channels=wrong), lambda: TokenShape(wrong), lambda: VectorShape(4, wrong)):
        with pytest.raises(ShapeError, match="must be a whole number, one or more"):
            make()


def test_a_shape_of_another_kind_is_refused_with_both_named() -> None:
    assert require_shape(ImageShape(), ImageShape, space="nb201") == ImageShape()
    with pytest.raises(ShapeError, match=r"'nb201' needs a shape of kind ImageShape, but TokenShape\(.*\) was given"):
        require_shape(TokenShape(10), ImageShape, space="nb201")
