# Every target does its own set-up. Prerequisites: Python 3.11+, Node 20+ with npm, make.
# `make T=tests/unit test` narrows the tests, PROCESSES= says how many processes share them; PYTHON= chooses the interpreter of the virtual environment.

PYTHON ?= python3
T ?= tests
PORT ?= 8000
ROUND_EVERY ?= 3
DATA ?= .credanchor
EXAMPLES ?= 1000
ENTRIES ?= 10000000
REQUESTS ?= 1000000
PROCESSES ?= 2

BIN := .venv/bin
NPM := contracts scripts/noble tests/oracles tests/oracles/ebsi tests/oracles/formats tests/browser
PEERS := tests/bench/peers
PAGES := tests/bench/pages
ANALYSIS := tests/analysis
SET_UP := .venv/.set-up $(NPM:%=%/node_modules/.set-up)
CODE := anchoring service scripts tests migrations
# npm brings forge for Linux on x86-64; elsewhere it is looked for on the path.
FORGE = $(or $(abspath $(firstword $(wildcard contracts/node_modules/@foundry-rs/forge-*/bin/forge))),forge)

# Databases of tests wait for no disk where there is a folder in memory with 4 GB to spare.
IN_MEMORY := $(shell df -k /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 4000000 { print "TMPDIR=/dev/shm" }')

.DEFAULT_GOAL := help
.PHONY: help dev run demo test test-contracts check ops-check contracts contracts-check noble noble-check vectors vectors-check openapi openapi-check \
	format analyze audit-deps bench bench-hosts bench-large bench-pages bench-peers soak faults lock ci clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

dev: $(SET_UP) ## Install everything: virtual environment, npm packages

run: $(SET_UP) ## Anvil, contract, database, API and rounds in the foreground (PORT=, ROUND_EVERY=, DATA=)
	@exec env PORT=$(PORT) ROUND_EVERY=$(ROUND_EVERY) DATA=$(DATA) $(BIN)/python -m scripts.dev

demo: $(SET_UP) ## The main job on realistic microcredentials, step by step
	@exec $(BIN)/python -m scripts.demo

test: $(SET_UP) test-contracts ## All tests, on SQLite, PostgreSQL and Anvil
	$(IN_MEMORY) $(BIN)/pytest --numprocesses $(PROCESSES) --dist worksteal $(T)

test-contracts: $(SET_UP) ## Unit, fuzz and invariant tests of the contract, and its gas
	cd contracts && $(FORGE) test && $(FORGE) snapshot --match-contract Gas --check

check: $(SET_UP) contracts-check noble-check vectors-check openapi-check ## Format, lint, types, import rules, generated files up to date
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports
	cd contracts && $(FORGE) fmt --check

ops-check: $(BIN)/promtool ## Alert rules and their tests on made-up series (promtool), systemd units
	$(BIN)/promtool check config scripts/ops/prometheus.yml
	$(BIN)/promtool test rules scripts/ops/alerts_test.yml
	$(BIN)/python -m scripts.check_units

format: $(SET_UP) ## Format the code
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)
	cd contracts && $(FORGE) fmt

contracts: $(SET_UP) ## Compile the contract into its checked-in artifact
	$(BIN)/python -m scripts.build_contracts

contracts-check: $(SET_UP)
	$(BIN)/python -m scripts.build_contracts --check

noble: $(SET_UP) ## Make the modules again that the verifier in JavaScript takes from others
	$(BIN)/python -m scripts.vendor_noble

noble-check: $(SET_UP)
	$(BIN)/python -m scripts.vendor_noble --check

vectors: $(SET_UP) ## Make the test vectors again
	$(BIN)/python -m scripts.make_canonical_vectors
	$(BIN)/python -m scripts.make_proof_vectors
	$(BIN)/python -m scripts.make_format_vectors
	$(BIN)/python -m scripts.make_bundle_vectors
	$(BIN)/python -m scripts.make_signature_vectors
	$(BIN)/python -m scripts.make_left_out_vectors

vectors-check: $(SET_UP)
	$(BIN)/python -m scripts.make_canonical_vectors --check
	$(BIN)/python -m scripts.make_proof_vectors --check
	$(BIN)/python -m scripts.make_format_vectors --check
	$(BIN)/python -m scripts.make_bundle_vectors --check
	$(BIN)/python -m scripts.make_signature_vectors --check
	$(BIN)/python -m scripts.make_left_out_vectors --check

openapi: $(SET_UP) ## Write docs/openapi.json
	$(BIN)/python -m scripts.export_openapi

openapi-check: $(SET_UP)
	$(BIN)/python -m scripts.export_openapi --check

soak: $(SET_UP) ## Whatever can befall an installation, in random order, for long (EXAMPLES=)
	SOAK_EXAMPLES=$(EXAMPLES) $(BIN)/pytest tests/integration/test_round_machine.py

faults: $(SET_UP) ## Every fault test, and the table of docs/faults.md from what they counted
	$(BIN)/python -m tests.fault_table

bench: $(SET_UP) ## Ratios to limits measured in the same run, as a table and as JSON
	@$(BIN)/python -m tests.bench

bench-large: $(SET_UP) ## What stays flat in a large store and under long load (ENTRIES=, REQUESTS=)
	ENTRIES=$(ENTRIES) REQUESTS=$(REQUESTS) $(BIN)/python -m tests.bench.large

bench-hosts: $(SET_UP) ## Workers and rounds on several hosts, one PostgreSQL: network namespaces, needs root
	$(BIN)/python -m tests.bench.hosts

bench-pages: $(SET_UP) $(PAGES)/node_modules/.set-up ## Lighthouse on the pages, without network
	$(BIN)/python -m tests.bench.pages

bench-peers: $(SET_UP) $(PEERS)/node_modules/.set-up $(PEERS)/.venv/.set-up ## Trees and gas beside what others use
	$(BIN)/python -m tests.bench.peers

analyze: $(SET_UP) $(ANALYSIS)/.venv/.set-up ## slither and halmos on the contracts; fails for what nobody has looked at, and for a call that breaks a property
	PATH="$(dir $(FORGE)):$(abspath $(ANALYSIS)/.venv/bin):$$PATH" $(BIN)/python -m tests.analysis.contracts
	PATH="$(dir $(FORGE)):$(abspath $(ANALYSIS)/.venv/bin):$$PATH" $(BIN)/python -m tests.analysis.symbolic

audit-deps: $(ANALYSIS)/.venv/.set-up ## Known vulnerabilities of the locked dependencies; needs PyPI's and npm's own services
	$(ANALYSIS)/.venv/bin/pip-audit --strict --disable-pip --require-hashes --requirement requirements.txt
	@for folder in $(NPM) $(PAGES) $(PEERS); do echo "npm audit: $$folder"; (cd $$folder && npm audit --package-lock-only) || exit 1; done

lock: ## Pin dependencies with hashes (needs uv)
	uv pip compile --quiet --no-strip-extras --generate-hashes --no-emit-index-url --no-header --universal --python-version 3.11 \
		--extra service --extra blockcerts --extra pdf --extra dev pyproject.toml --output-file requirements.txt
	uv pip compile --quiet --no-strip-extras --generate-hashes --no-emit-index-url --no-header --universal --python-version 3.11 \
		$(PEERS)/requirements.in --output-file $(PEERS)/requirements.txt
	uv pip compile --quiet --no-strip-extras --generate-hashes --no-emit-index-url --no-header --universal --python-version 3.11 \
		$(ANALYSIS)/requirements.in --output-file $(ANALYSIS)/requirements.txt

ci: check ops-check test ## What continuous integration runs

clean: ## Remove what was installed and built, but no data
	rm -rf .venv $(PEERS)/.venv $(ANALYSIS)/.venv $(NPM:%=%/node_modules) $(PAGES)/node_modules $(PEERS)/node_modules contracts/out contracts/cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

.venv/.set-up: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; choose one with PYTHON=")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(BIN)/promtool: | $(SET_UP)
	$(BIN)/python -m scripts.promtool

$(PEERS)/.venv/.set-up $(ANALYSIS)/.venv/.set-up: %/.venv/.set-up: %/requirements.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

$(NPM:%=%/node_modules/.set-up) $(PAGES)/node_modules/.set-up $(PEERS)/node_modules/.set-up: %/node_modules/.set-up: %/package-lock.json %/.npmrc
	@node -e 'process.exit(Number(parseInt(process.versions.node) < 20))' || { echo 'Node 20 or newer is needed'; exit 1; }
	cd $* && npm ci --silent
	@touch $@
