# Two commands for a newcomer: `make demo` and `make test`.
PYTHON ?= python3
CORES  ?= all
STUDY  ?= workflow/config/demo.yaml

VENV := .venv
BIN  := $(VENV)/bin
# So that rules and tests find the tools of the environment without activating it.
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: demo test lint figures-baseline bench clean help

help:            ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1: /p' $(MAKEFILE_LIST)

demo: $(VENV)/ready      ## generate, prepare, train, prune, evaluate, draw, report
	snakemake --cores $(CORES) --rerun-incomplete --configfile $(STUDY)

test: $(VENV)/ready lint ## all tests and linters
	pytest -n 2 --dist loadscope --no-loadscope-reorder --cov --cov-report term:skip-covered

lint: $(VENV)/ready      ## format, style, types, layers, workflow
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	snakefmt --check Snakefile workflow/rules
	snakemake --lint

bench: $(VENV)/ready     ## speed of the training step and of the generator, on this machine
	python benchmarks/training.py
	python benchmarks/generate.py

figures-baseline: $(VENV)/ready ## draw the reference images of the figure tests anew (then look at them)
	pytest -o addopts= tests/test_plots.py tests/test_plots_stall.py tests/test_plots_validation.py --mpl-generate-path=tests/baseline

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[generate,dev]"
	touch $@

clean:           ## remove results and the environment
	rm -rf $(VENV) results .snakemake
