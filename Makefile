# Two commands on a fresh machine: `make demo` and `make test`. Everything else is for people who change the code.
PY ?= python3
V := .venv
BIN := $(V)/bin
# One thread per process: oversubscription costs up to 20x on small machines.
export OMP_NUM_THREADS ?= 1
PIP := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test check papers bench docs clean

demo: $(V)/.demo
	$(BIN)/archwright fit sklearn:breast_cancer --budget 20s --out demo-run --overwrite --export onnx

test: $(V)/.test
	$(BIN)/python -m pytest -q

check: $(V)/.dev test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

papers: $(V)/.test
	$(BIN)/python -m pytest -q -m slow --timeout 3600

bench: $(V)/.test
	for script in scoring store halving simulate defaults budget tabular predictors; do $(BIN)/python benchmarks/$$script.py || exit 1; done

docs: $(V)/.docs
	$(BIN)/sphinx-build -q -W -b html docs docs/_build/html

clean:
	rm -rf $(V) build dist docs/_build demo-run .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

$(V)/.venv:
	$(PY) -m venv $(V)
	touch $@

$(V)/.demo: $(V)/.venv pyproject.toml constraints.txt
	$(PIP) -e ".[onnx]"
	touch $@

$(V)/.test: $(V)/.venv pyproject.toml constraints.txt
	$(PIP) -e ".[test]"
	touch $@

$(V)/.dev: $(V)/.venv pyproject.toml constraints.txt
	$(PIP) -e ".[dev]"
	touch $@

$(V)/.docs: $(V)/.venv pyproject.toml constraints.txt
	$(PIP) -e ".[docs]"
	touch $@
