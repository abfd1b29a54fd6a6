# The front door. `make help` lists what there is; demo and test install what is missing by themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
JOBS ?= 2
PLOTS ?= .lockstep/plots

.DEFAULT_GOAL := help
.PHONY: help install demo test bench load scaling backlog chaos soak science debias radio loop fuzz lint audit format doctor clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

install: $(STAMP) ## Install Lockstep and its tools into .venv, pinned

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Lockstep needs Python 3.11 or newer; say which with: make PYTHON=python3.11 ..." >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --upgrade pip
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[radio,batch,trace]' --group dev
	@touch $@

demo: $(STAMP) ## Start everything on this machine and watch a twin at work (Ctrl-C ends it)
	@$(BIN)/lockstep demo $(ARGS)

# Three processes: what TensorFlow and what Sionna RT bring of LLVM crash each other, and Playwright runs a loop of its own.
# The first on two cores at once, since many tests wait; see tests/conftest.py.
test: $(STAMP) ## Run all tests; some of them with make test ARGS="tests/unit -k drift"
	$(BIN)/python -m pytest $(or $(ARGS),--numprocesses $(JOBS) --no-loadscope-reorder)
	$(if $(ARGS),,$(BIN)/python -m pytest tests/keras)
	$(if $(ARGS),,$(BIN)/python -m pytest tests/browser)

bench: $(STAMP) ## Measure: cell-periods a second, cost against size, memory
	@$(BIN)/python -m tests.bench $(ARGS)

load: $(STAMP) ## Measure: 300 stations x 3 cells, three families, every second for ten minutes: lag, losses, memory
	@$(BIN)/python -m tests.bench.stations $(ARGS)

scaling: $(STAMP) ## Measure: what a second worker brings, and who takes the cores
	@$(BIN)/python -m tests.bench.scaling $(ARGS)

backlog: $(STAMP) ## Measure: memory of a worker that is 1,000,000 cell-periods behind
	@$(BIN)/python -m tests.bench.backlog $(ARGS)

chaos: $(STAMP) ## Break things on purpose and count what is lost: make chaos ARGS="--fault kill-worker"
	@$(BIN)/python -m tests.chaos $(ARGS)

soak: $(STAMP) ## Half an hour of load with a fault every two minutes; wants 30 GB of disk
	@$(BIN)/python -m tests.chaos.soak $(ARGS)

science: $(STAMP) ## Tables and plots of the models and detectors against their references
	@$(BIN)/python -m tests.science.congestion --plot $(PLOTS)
	@$(BIN)/python -m tests.science.drift_run_length --plot $(PLOTS)
	@$(BIN)/python -m tests.science.drift_kinds --seeds 6 --first 101
	@$(BIN)/python -m tests.science.kpi_tiers
	@$(BIN)/python -m tests.science.multiple_access
	@$(BIN)/python -m tests.science.gate --plot $(PLOTS)
	@$(BIN)/python -m tests.science.updating --seeds 3 --plot $(PLOTS)
	@$(BIN)/python -m tests.science.skab
	@$(BIN)/python -m tests.science.nab
	@$(BIN)/python -m tests.science.equipment --seeds 1 2 3 4 5 --plot $(PLOTS)
	@$(BIN)/python -m tests.science.remaining_life
	@$(BIN)/python -m tests.science.failure_batch --plot $(PLOTS)
	@$(BIN)/python -m tests.science.backhaul --plot $(PLOTS)

debias: $(STAMP) ## Training that survives a wrong twin: beams and gain of synthetic data; an hour
	@$(BIN)/python -m tests.science.beams.direction --plot $(PLOTS)
	@$(BIN)/python -m tests.science.beams.selection --plot $(PLOTS)
	@$(BIN)/python -m tests.science.debias_gain --tasks congestion --seeds 10 --plot $(PLOTS)
	@$(BIN)/python -m tests.science.debias_gain --tasks beams --seeds 5 --plot $(PLOTS)

radio: $(STAMP) ## Tables of the radio twin: canyon, calibration, intervals, speed, parity with Sionna RT
	@$(BIN)/python -m tests.science.canyon
	@$(BIN)/python -m tests.science.radio_calibration
	@$(BIN)/python -m tests.science.interval_coverage
	@$(BIN)/python -m tests.science.radio_speed
	@$(BIN)/python -m tests.science.radio_parity
	@$(BIN)/python -m tests.science.radio_drift

loop: $(STAMP) ## Change a hidden truth, watch the twin notice, recalibrate and be right again
	@$(BIN)/python -m tests.science.loop $(ARGS)

fuzz: $(STAMP) ## Fuzz every decoder: make fuzz ARGS="--runs 100000"
	@$(BIN)/python -c "import atheris" 2>/dev/null || $(BIN)/python -m pip install --quiet \
		--disable-pip-version-check --constraint constraints.txt --group fuzz
	@$(BIN)/python -m tests.fuzz $(ARGS)

lint: $(STAMP) ## Style, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

audit: $(STAMP) ## Known vulnerabilities of the dependencies, secrets in the repository, licences
	@$(BIN)/python .ci/audit.py

format: $(STAMP) ## Put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

doctor: $(STAMP) ## Check broker, database and libraries
	@$(BIN)/lockstep doctor

clean: ## Remove what was installed and made here
	rm -rf $(VENV) .lockstep .mypy_cache .ruff_cache .pytest_cache .hypothesis
