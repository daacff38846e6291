# make reproduce | test | jupyter | lab | check | lint | bench | soak | fuzz | attack | lock | clean
# Prerequisites: git, make, python3 (3.11 to 3.13) with venv. Another Python: make PYTHON=python3.12 reproduce
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready-$(shell pwd | cksum | cut -d" " -f1)
DOCS := $(VENV)/.docs
KERNELS := $(VENV)/.kernels
ARGS ?=

export JUPYTER_PREFER_ENV_PATH := 1

.DELETE_ON_ERROR:
.PHONY: help install reproduce test jupyter lab check lint bench soak fuzz attack docs wheel figures params calibrate lock clean

help:
	@echo "make reproduce  every notebook, results in results/ (only what is not done or has changed)"
	@echo "make test       the whole test suite"
	@echo "make jupyter    JupyterLab on the notebooks"
	@echo "make lab        a small live measurement of this machine's kernel"
	@echo "make check      model against published values, predictions of held-out runs, published claims recomputed"
	@echo "make lint       ruff and mypy"
	@echo "make bench      speed of the engines, as JSON"
	@echo "make soak       invariants on 100,000 scenarios, coverage of intervals in 2,000 repetitions"
	@echo "make fuzz       200,000 damaged measurement files"
	@echo "make attack     ten minutes of hostile files, parameters and plans, full disks and kills"
	@echo "make docs       the documentation in build/docs/html, warnings as errors"
	@echo "make wheel      the wheel, with kernels compiled for every level of x86-64, in build/"
	@echo "make figures    the figures of the README"
	@echo "make params     params/*.yaml and the notebooks' parameters cells anew from their classes"
	@echo "make calibrate  the inferred constants in tunbp/model/hosts.yaml and their draws anew"
	@echo "make lock       requirements.lock and docs/requirements.lock anew from pyproject.toml"
	@echo "make clean      remove the environment, results and caches"

install: $(KERNELS)

# Runs again only when the lock or the project's metadata changed, or the folder was moved.
$(READY): requirements.lock pyproject.toml tools/venv.py
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) not found: apt-get install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) tools/venv.py $(VENV)
	@touch $@

# What most commands simulate with, compiled for this machine: a minute, once for each state of the model
$(KERNELS): $(READY) $(shell find tunbp/model -name "*.py")
	@$(BIN)/python -m tunbp.model.ready
	@touch $@

reproduce: $(KERNELS)
	@$(BIN)/tunbp reproduce $(ARGS)

test: $(KERNELS)
	$(BIN)/python -m pytest $(ARGS)

jupyter: $(KERNELS)
	$(BIN)/jupyter lab --config=tools/jupyter_config.py --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/notebooks \
		$(if $(filter 0,$(shell id -u)),--allow-root) $(ARGS)

lab: $(READY)
	$(BIN)/tunbp lab check
	$(BIN)/tunbp lab run small $(ARGS)

check: $(KERNELS)
	$(BIN)/tunbp check $(ARGS)

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: $(READY)
	@$(BIN)/python -m benchmarks $(ARGS)

soak: $(READY)
	TUNBP_SOAK=1 $(BIN)/python -m pytest --timeout=0 -k soak tests/model tests/lab/probe/test_intervals.py tests/test_statistics.py \
		tests/evidence/test_posteriors.py $(ARGS)

attack: $(KERNELS)
	$(BIN)/python -m tests.attack --seconds 600 $(ARGS)

fuzz: $(READY)
	$(BIN)/python -m tests.traces.fuzz --count 200000 $(ARGS)

# Packages of the documentation, beside those of the lock
$(DOCS): $(READY) docs/requirements.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --require-hashes -r docs/requirements.lock
	@touch $@

docs: $(DOCS)
	rm -rf docs/api
	$(BIN)/python -m sphinx -q -W --keep-going -b html -d build/docs/doctrees docs build/docs/html
	$(BIN)/python -m sphinx -q -W -b doctest -d build/docs/doctrees docs build/docs/doctest
	$(BIN)/codespell --ignore-words-list=simpy,passt README.md CONTRIBUTING.md CHANGELOG.md docs/*.md docs/*/*.md params data/claims.yaml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml

wheel: $(READY)
	rm -rf build/kernels
	$(BIN)/python -m tunbp.model.ready --wheel build/kernels
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir build .

figures: $(READY)
	$(BIN)/python tools/readme_figures.py

params: $(READY)
	$(BIN)/python -m tools.params

calibrate: $(READY)
	$(BIN)/python -m tunbp.evidence.calibration $(ARGS)

# uv lives in an environment of its own: it makes the locks and is no part of them
lock:
	$(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install --quiet uv
	build/lock/bin/uv pip compile pyproject.toml --extra all --universal --generate-hashes --python-version 3.11 \
		--no-emit-index-url --no-header --quiet --output-file requirements.lock
	build/lock/bin/uv pip compile pyproject.toml --extra all --extra docs --constraint requirements.lock --universal \
		--generate-hashes --python-version 3.11 --no-emit-index-url --no-header --quiet \
		--output-file docs/requirements.lock

clean:
	rm -rf $(VENV) build results docs/api docs/generated .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find tunbp tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
