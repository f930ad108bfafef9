# Two commands do everything on a fresh machine: make demo, make test.
VENV   ?= .venv
PYTHON ?= python3
BIN    := $(VENV)/bin

export FLWR_TELEMETRY_ENABLED ?= 0
export FLWR_DISABLE_UPDATE_CHECK ?= 1
export FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION ?= 1
export RAY_USAGE_STATS_ENABLED ?= 0
export RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER ?= 0

.PHONY: demo test lint soak bench gpu docs clean

demo: $(VENV)/.installed
	$(BIN)/frl run
	$(BIN)/frl sweep experiments/configs/digits_defences.toml --out runs/demo
	$(BIN)/frl plot runs/demo -o runs/demo/comparison.png --kind worst
	@printf '%s\n' '' 'All of these runs, and the picture: runs/demo/comparison.png. What to type next:' \
	  '  $(BIN)/frl view runs              # look at every run in a browser' \
	  '  $(BIN)/frl init --attack mine     # write an attack of your own to mine.py; it says how to run it' \
	  '  . $(BIN)/activate                 # from here on `frl` alone is a command (fish: $(BIN)/activate.fish)'

test: lint
	$(BIN)/python -m pytest -n 2 --durations 20 -m "not (ray or flower or soak)"
	@# Ray and Flower start processes of their own on a machine that may be busy: two more tries, and -rR names them.
	$(BIN)/python -m pytest -n 2 --dist loadfile --durations 20 --reruns 2 -rR -m "(ray or flower) and not soak"

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

soak: $(VENV)/.installed-test
	$(BIN)/python -m pytest -m soak --timeout 0

bench: $(VENV)/.installed
	$(BIN)/frl bench

MINUTES ?= 10

gpu: $(VENV)/.installed
	$(BIN)/python -m experiments.benchmarks.gpu --minutes $(MINUTES) --out runs/gpu

docs: $(VENV)/.installed-test
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

$(VENV)/.installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.installed-test: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable ".[test]"
	$(BIN)/python -m pip install --quiet --no-deps "byzfl==0.0.11"  # an oracle of the rules
	touch $(VENV)/.installed $@

clean:
	rm -rf $(VENV) dist build
