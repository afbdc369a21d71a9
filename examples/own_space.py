"""A space of one's own, from a YAML file, searched for a network that reads handwritten digits."""

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import archwright
from archwright.report.cell_drawing import save_drawing
from archwright.spaces.yaml_space import load_space

PIXELS, DIGITS = load_digits(return_X_y=True)
TRAIN, VALID, TRAIN_DIGITS, VALID_DIGITS = train_test_split(PIXELS / 16.0, DIGITS, random_state=0)
EPOCHS = 5


def accuracy(value: dict, rng: np.random.Generator) -> float:
    """Return the validation accuracy of the network that `value` describes, after five epochs."""
    network = MLPClassifier(
        hidden_layer_sizes=value["layers"],
        activation=value["activation"],
        learning_rate_init=value["rate"],
        random_state=int(rng.integers(2**31)),
    )
    for _ in range(EPOCHS):
        network.partial_fit(TRAIN, TRAIN_DIGITS, classes=range(10))
    return float(network.score(VALID, VALID_DIGITS))


def main(budget_s: float) -> None:
    """Search for as long, print the best network, and draw it."""
    space = load_space(Path(__file__).with_name("own_space.yaml"))
    print(f"{space.count():,} networks, such as {space.value(space.random(rng=archwright.derive(0, 'example')))}")
    study = archwright.search(space, accuracy, budget=f"{budget_s:g}s", searcher="evolution")
    best = study.best()
    assert best is not None
    print(f"best of {len(study.trials)}: {best.result.score:.1%} with {space.value(best.proposal.arch)}")
    print("drawn:", save_drawing(space, best.proposal.arch, "own_space.svg"))


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 20.0)
