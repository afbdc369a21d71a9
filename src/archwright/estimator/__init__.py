"""scikit-learn estimators: `fit` searches, trains and keeps the best network inside a time budget.

Importing this package imports scikit-learn; `import archwright` does not.
"""

from archwright.estimator.classifier import NasClassifier
from archwright.estimator.regressor import NasRegressor

__all__ = ["NasClassifier", "NasRegressor"]
