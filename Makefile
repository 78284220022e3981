# Everything a checkout needs; each target sets up .venv by itself when it has to. `make help` lists them.
SHELL := /bin/sh
BIN := .venv/bin
INSTALLED := .venv/.installed
TYPED_SAMPLES := $(wildcard tests/typing)

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench bench-compiled bench-peers compiled test-compiled dist setup clean sim sim-long mutants crash-long fuzz-long conformance real-world

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' Makefile

demo: $(INSTALLED) ## Watch two people chat through outages, kills and restarts (ARGS="--seed 7 --json")
	@$(BIN)/imserver demo $(ARGS)

test: lint ## Lint, then every test (ARGS="tests/core -k resume")
	@echo "test: pytest"
	@$(BIN)/python -m pytest $(ARGS)

sim: $(INSTALLED) ## 500 simulated worlds in which everything fails; docs/simulation.md (ARGS="--first 500")
	@$(BIN)/imserver sim --seeds 500 --progress --report docs/simulation.md $(ARGS)

sim-long: $(INSTALLED) ## Worlds of hours and days; goes on where docs/simulation-long.jsonl ends (ARGS="--seeds 20000")
	@$(BIN)/imserver sim --long --seeds 1000 --progress --ledger docs/simulation-long.jsonl --report docs/simulation.md $(ARGS)

mutants: $(INSTALLED) ## Plant bugs one by one and count the worlds until each is found; docs/simulation.md
	@$(BIN)/python -m tests.simulation.mutants.hunt --write $(ARGS)

crash-long: $(INSTALLED) ## Cut the power a million times (about an hour on two cores); goes on where docs/crash-images.jsonl ends
	@$(BIN)/python -m tests.crash --write --ledger docs/crash-images.jsonl --images 1000000 $(ARGS)

lint: $(INSTALLED) ## Style, types, architecture
	@echo "lint: ruff check"
	@$(BIN)/ruff check --quiet --output-format=concise .
	@echo "lint: ruff format"
	@$(BIN)/ruff format --quiet --check . || { echo "not formatted; run: $(BIN)/ruff format ."; exit 1; }
	@echo "lint: mypy"
	@$(BIN)/mypy --no-error-summary
	@[ -z "$(TYPED_SAMPLES)" ] || $(BIN)/mypy --no-error-summary $(TYPED_SAMPLES)
	@echo "lint: import contracts"
	@out=$$($(BIN)/lint-imports --no-logo 2>&1) || { echo "$$out"; exit 1; }
	@echo "lint: sizes"
	@$(BIN)/python tools/tidy.py

bench: $(INSTALLED) ## Measure (ARGS names a scenario)
	@$(BIN)/python -m benchmarks $(ARGS)

bench-peers: $(INSTALLED) ## The same work on other servers, side by side; benchmarks/RESULTS.md (ARGS="--peers imserver mosquitto")
	@$(BIN)/python -m benchmarks.peers $(ARGS)

compiled: $(INSTALLED) ## Compile the server's hot modules to C, into build/compiled (needs a C compiler)
	@$(BIN)/python tools/compiled.py

bench-compiled: compiled ## The same as bench, with the compiled server
	@PYTHONSAFEPATH=1 PYTHONPATH=build/compiled $(BIN)/python -m benchmarks $(ARGS)

# Without those that look into the sources or exchange a limit or a method: compiled, neither can be.
test-compiled: compiled ## The tests of what is compiled, on it
	@PYTHONSAFEPATH=1 PYTHONPATH=build/compiled $(BIN)/python -m pytest \
		tests/contracts tests/core tests/end_to_end tests/gateway tests/protocol tests/storage \
		-k "not (generated or too_large_leaves or passes_on_the_pure or fault_in_serving or caches_lose)" $(ARGS)

dist: $(INSTALLED) ## Two wheels in dist/: imserver (all), imsdk (the SDK without the server's dependencies)
	@rm -rf dist
	@for folder in . sdk; do \
		out=$$(cd $$folder && "$(CURDIR)/$(BIN)/python" -m hatchling build -t wheel -d "$(CURDIR)/dist" 2>&1) \
			|| { echo "$$out"; exit 1; }; \
	done
	@ls dist/*.whl

fuzz-long: $(INSTALLED) ## A million executions over all parsers, 100,000 open/abort cycles (ARGS="--seed 7")
	@$(BIN)/python -m tests.fuzz $(ARGS)
	@OPEN_ABORT_CYCLES=100000 $(BIN)/python -m pytest tests/security/test_noise.py -k cycles --timeout 1800

conformance: $(INSTALLED) ## WebSocket: our corpus, then Autobahn's fuzzing client where WSTEST names it
	@$(BIN)/python -m pytest tests/conformance
	@$(BIN)/python -m tests.conformance.autobahn $(WSTEST)

real-world: $(INSTALLED) ## Real kills, stops, full disks, another network namespace, Chromium (root for some)
	@REAL_WORLD=all $(BIN)/python -m pytest tests/real_world $(ARGS)

setup: $(INSTALLED) ## Only set up .venv

clean: ## Remove .venv, builds and caches
	@rm -rf .venv build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find imserver sdk protocol tests benchmarks tools -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

$(INSTALLED): pyproject.toml requirements/dev.txt tools/setup
	@tools/setup

# A folder that was moved or copied has a .venv that still points to the old place: set up anew.
ifneq ($(shell cat $(INSTALLED) 2>/dev/null),$(CURDIR))
.PHONY: $(INSTALLED)
endif
