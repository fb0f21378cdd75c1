# Everything is built and installed in .venv and target. `make` alone lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BUILT := $(VENV)/.built

# The sanitizer ships with the stable compiler, which lets only its own crates use it unless told so.
TSAN := RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer"
STRESS := cargo run --locked --quiet --release --package lambdacore-benches --bin stress --

RUST := Cargo.toml Cargo.lock $(shell find rust -name '*.rs' -o -name Cargo.toml)

.DEFAULT_GOAL := help
.PHONY: help demo test test-rust test-models test-python lint format bench bench-peers \
	bench-gate report dist release-check clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(BUILT)  ## a noisy neighbour with and without reserved concurrency: tables and a picture
	$(BIN)/python examples/noisy_neighbour.py

test: test-rust test-models test-python lint  ## all checks: Rust tests, models, Python tests, linters and types

test-rust:  ## the tests of the engine, and of the checker of its calls
	cargo test --locked --quiet --package lambdacore
	cargo test --locked --quiet --package lambdacore-benches --lib

# The models are other builds of the engine, on the model checkers' atomics.
test-models:  ## the live controller on model checkers, and 4 million real calls
	RUSTFLAGS="--cfg loom" cargo test --locked --quiet --release --target-dir target/loom \
		--package lambdacore --test loom -- --test-threads=1 --nocapture
	RUSTFLAGS="--cfg shuttle" cargo test --locked --quiet --release --target-dir target/shuttle \
		--package lambdacore --test shuttle
	$(STRESS) --calls 2000000 --threads 2
	$(STRESS) --calls 2000000 --threads 2 --reconfigure

test-python: $(BUILT)  ## the Python tests, in two processes
	$(BIN)/python -m pytest -q --numprocesses 2 --dist worksteal

lint: $(BUILT)  ## formatters, linters and type checkers
	@cargo fmt --version >/dev/null && cargo clippy --version >/dev/null \
		|| { echo "rustfmt and clippy are missing: rustup component add rustfmt clippy"; exit 1; }
	cargo fmt --all --check
	cargo clippy --locked --quiet --workspace --all-targets --all-features -- --deny warnings
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest lambdacore._core --mypy-config-file pyproject.toml

format:  ## format all code
	cargo fmt --all
	$(BIN)/ruff format --quiet
	$(BIN)/ruff check --fix --quiet

bench: $(BUILT)  ## measure: replay on every engine, the Python calls, reading, sweeps, how cost grows
	cargo run --release --locked --quiet --package lambdacore-benches
	$(BIN)/python -m pytest benches/python -q --benchmark-group-by=group --benchmark-columns=min,median,rounds
	$(BIN)/python benches/python/figures.py
	$(BIN)/python benches/python/reading.py
	$(BIN)/python benches/python/ensemble.py
	$(BIN)/python benches/python/curves.py

bench-peers: $(BUILT)  ## lambdacore beside SimPy, SimFaaS, numba and C++: README's table and picture
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group bench
	$(BIN)/python benches/peers

bench-gate:  ## fail where the engine needs over 3 % more instructions than were accepted (valgrind)
	$(if $(wildcard $(BIN)/python),$(BIN)/python,$(PYTHON)) benches/instructions.py --gate

report: $(BUILT)  ## replay the real AWS runs of 2020 and print the errors
	$(BIN)/python benches/python/aws_2020.py

dist: $(BUILT)  ## build wheel and sdist, install each in a clean environment, run the tests there
	$(BIN)/python tools/dist.py

release-check: test dist bench-gate  ## all of test and dist, and the longer suites
	PROPTEST_CASES=200000 cargo test --locked --quiet --release --package lambdacore --test controller
	LAMBDACORE_LOOM=full RUSTFLAGS="--cfg loom" cargo test --locked --quiet --release \
		--target-dir target/loom --package lambdacore --test loom -- --test-threads=1 --nocapture
	LAMBDACORE_SCHEDULES=100000 RUSTFLAGS="--cfg shuttle" cargo test --locked --quiet --release \
		--target-dir target/shuttle --package lambdacore --test shuttle
	$(BIN)/python tools/orderings.py
	$(TSAN) cargo test --locked --quiet --release --target-dir target/tsan --package lambdacore \
		--target $$(rustc -vV | sed -n 's/^host: //p') --test tsan
	$(STRESS) --calls 50000000 --threads 4 --reconfigure
	$(STRESS) --calls 1000000000 --threads 2
	LAMBDACORE_TRACES=1000000 $(BIN)/python -m pytest -q tests/test_reference_model.py
	LAMBDACORE_KILLS=50 $(BIN)/python -m pytest -q tests/test_checkpoint.py
	$(BIN)/python -m pip install --quiet --constraint constraints.txt 'ray>=2.9'
	LAMBDACORE_RAY=1 $(BIN)/python -m pytest -q tests/test_executors.py

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
