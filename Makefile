# Everything is built and installed in .venv and target. `make` alone lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BUILT := $(VENV)/.built

RUST := Cargo.toml Cargo.lock $(shell find rust -name '*.rs' -o -name Cargo.toml)

.DEFAULT_GOAL := help
.PHONY: help demo test test-rust test-python lint format bench report dist release-check clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(BUILT)  ## a noisy neighbour with and without reserved concurrency: tables and a picture
	$(BIN)/python examples/noisy_neighbour.py

test: test-rust test-python lint  ## all checks: Rust tests, Python tests, linters and types

test-rust:  ## the engine's tests
	cargo test --locked --quiet --package lambdacore

test-python: $(BUILT)  ## the Python tests
	$(BIN)/python -m pytest -q

lint: $(BUILT)  ## formatters, linters and type checkers
	@cargo fmt --version >/dev/null && cargo clippy --version >/dev/null \
		|| { echo "rustfmt and clippy are missing: rustup component add rustfmt clippy"; exit 1; }
	cargo fmt --all --check
	cargo clippy --locked --quiet --workspace --all-targets -- --deny warnings
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest lambdacore._core --mypy-config-file pyproject.toml

format:  ## format all code
	cargo fmt --all
	$(BIN)/ruff format --quiet
	$(BIN)/ruff check --fix --quiet

bench: $(BUILT)  ## measure: replay on wheel and heap, then the Python calls
	cargo run --release --locked --quiet --package lambdacore-benches
	$(BIN)/python -m pytest benches/python -q --benchmark-group-by=group --benchmark-columns=min,median,rounds
	$(BIN)/python benches/python/figures.py

report: $(BUILT)  ## replay the real AWS runs of 2020 and print the errors
	$(BIN)/python benches/python/aws_2020.py

dist: $(BUILT)  ## build wheel and sdist, install each in a clean environment, run the tests there
	$(BIN)/python tools/dist.py

release-check: test dist  ## all of test and dist, and the longer suites
	LAMBDACORE_TRACES=1000000 $(BIN)/python -m pytest -q tests/test_reference_model.py

clean:  ## remove what was built
	rm -rf $(VENV) target dist demo

# The package, built with optimisation and installed editable with all that tests need.
$(BUILT): pyproject.toml constraints.txt $(RUST)
	test -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group dev
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-build-isolation \
		--editable '.[plot,frames,testing]'
	touch $@
