# longwatch: `make demo` shows the main job, `make test` and `make campaign` prove it. They set up what they need.
SHELL := /bin/bash
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
KAFKA := deploy/kafka/libs/.ready

.PHONY: help setup demo test campaign check lock bench bench-detectors accuracy study mutate chaos docs kafka clean
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup: $(READY) ## make .venv with every locked dependency

$(READY): requirements/dev.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "longwatch needs Python 3.11 or later: install it, or name it: make PYTHON=/path/to/python3.12"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

kafka: $(KAFKA) ## fetch Apache Kafka's jars (needs Java 17 and Maven)

$(KAFKA): deploy/kafka/pom.xml
	@command -v java >/dev/null && command -v mvn >/dev/null || { echo "a real Kafka needs Java 17 and Maven: install them (Debian: apt-get install openjdk-17-jre-headless maven)"; exit 2; }
	mvn -q -B -f deploy/kafka/pom.xml dependency:copy-dependencies -DoutputDirectory=libs
	@touch $@

demo: $(READY) ## the main job, embedded, on a simulated platform
	$(BIN)/longwatch demo

# Whole files go to each process, so that what the tests of a file share is made once.
JOBS ?= 2
RUN := $(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder
test: $(READY) ## every test but the campaign; Kafka's need Java and Maven, PostgreSQL's and Prometheus's those
	@$(BIN)/python tests/tools.py
	@$(RUN) -m "not campaign" $(PYTEST)

campaign: $(READY) ## random designs by the thousand, many starts, long simulations
	@$(BIN)/python tests/tools.py
	@$(RUN) -m campaign --verbose $(PYTEST)

check: $(READY) ## style, types, import contracts, docstrings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m numpydoc.hooks.validate_docstrings $$(git ls-files 'detectors/*.py' $(addsuffix /*.py,$(addprefix surveillance/,log screening programmes triage feed)) surveillance/pipeline.py)

lock: $(READY) ## make the hash-locked requirements anew
	for set in base dev bench; do \
	  $(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    $$(case $$set in dev) echo --extra dev;; bench) echo --extra dev --extra bench;; esac) \
	    pyproject.toml -o requirements/$$set.txt; done

bench: $(READY) $(KAFKA) ## speed, as ratios to peers in one run; takes minutes
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt
	$(BIN)/python -m bench

bench-detectors: $(READY) ## speed and numbers of the detectors, beside vigipy and openEBGM; takes some 12 minutes
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt
	$(BIN)/python -m bench.detectors --write docs/benchmarks-detectors.md

accuracy: $(READY) ## how well each measure tells known effects from controls, and how often EB05 and EB95 miss
	$(BIN)/python -m bench.accuracy --write docs/validation/accuracy.md
	$(BIN)/python -m bench.ebgm_coverage --write docs/validation/ebgm.md

study: $(READY) ## how often the watches err and find, over HISTORIES (1,000) of each scenario; hours, goes on where it stopped
	$(BIN)/python -m bench.study --histories $(or $(HISTORIES),1000) --write docs/validation

mutate: $(READY) ## break the detectors on purpose; MODULES (or packages) and SHARE may be given; takes hours at SHARE=1
	$(BIN)/python -m bench.mutation $(MODULES) --share $(or $(SHARE),0.1)

chaos: $(READY) $(KAFKA) ## the long fault run on a real Kafka; SEED, FAULTS and MINUTES may be given
	$(BIN)/python bench/chaos.py $(or $(SEED),1) --faults $(or $(FAULTS),100) --minutes $(or $(MINUTES),30)

docs: $(READY) ## write schemas, dashboard, worked examples and tables anew
	$(BIN)/longwatch schema docs/schema
	$(BIN)/python deploy/grafana/build.py > deploy/grafana/dashboards/surveillance.json
	$(BIN)/python -m bench.worked --write docs
	$(BIN)/python -m bench.sequential_peers --write docs/validation/sequential-peers.md
	$(BIN)/python -m bench.operating --write docs/validation/operating.md
	$(BIN)/python -m bench.detector_users --write docs/detectors.md

clean: ## remove what was made
	rm -rf $(VENV) deploy/kafka/libs demo run
