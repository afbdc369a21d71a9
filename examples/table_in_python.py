"""A table in, a network out, in Python: twenty seconds for scikit-learn's breast cancer set."""

import sys

from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from archwright import NasClassifier


def main(budget_s: float) -> None:
    """Fit, score, and continue for as long again."""
    x, y = load_breast_cancer(return_X_y=True, as_frame=True)
    x_train, x_test, y_train, y_test = train_test_split(x, y, stratify=y, random_state=0)
    model = NasClassifier(time_budget=budget_s, random_state=0).fit(x_train, y_train)
    print(f"accuracy after {budget_s:g} s: {model.score(x_test, y_test):.3f}")
    print(model.leaderboard_.head(5).to_string(index=False))
    model.continue_fit(budget_s)
    print(f"accuracy after {2 * budget_s:g} s: {model.score(x_test, y_test):.3f}")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 20.0)
