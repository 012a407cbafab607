# Needs Python 3.11 or newer with pip, make, and the package index; nothing else. Safe to repeat.
#
#   PYTHON=python3.12     the interpreter that makes the environment
#   TORCH_INDEX=URL       one more package index to take torch from (its CPU build, say)
#   JOBS=2                test processes; each runs torch on one thread

PYTHON ?= python3
TORCH_INDEX ?=
JOBS ?= 2

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt \
       $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
DEPENDS := pyproject.toml constraints.txt

BENCHMARKS := multi_delta gaussian_fit nearest audit_share distillation jacobian training scale

# With what they import. The second wants to be apart: its torchvision does not load beside torch's CPU build.
RIVAL_DENOISERS := smalldiffusion==0.5.0 deepinv==0.5.0 einops==0.8.2 torchvision==0.28.0 torchmetrics==1.9.0 \
  lightning-utilities==0.15.3 h5py==3.16.0 natsort==8.4.0 matplotlib==3.11.2 contourpy==1.3.3 cycler==0.12.1 \
  fonttools==4.68.0 kiwisolver==1.5.1 pyparsing==3.3.3

.DEFAULT_GOAL := help
.PHONY: help install demo test test-slow lint docs bench clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed-all  ## .venv with everything for use, tests and docs

demo: $(VENV)/.installed-demo  ## install what it needs; audit two bundled models; say where the report is
	$(BIN)/denoscope demo

test: lint  ## install, then lint, types and the fast tests
	$(BIN)/python -m pytest -n $(JOBS) -m "not slow"

test-slow: install  ## the trainings, the kill tests and the rest that takes minutes
	$(BIN)/python -m pytest -n $(JOBS) -m slow

lint: install  ## style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright --pythonpath $(BIN)/python

docs: install  ## the documentation, strictly, into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: $(VENV)/.installed-rivals  ## every claim of speed, ours and its rivals in turn: an hour and a half on two quiet cores
	@set -e; for name in $(BENCHMARKS); do echo "== $$name"; \
	  PYTHONPATH=$(VENV)/rivals $(BIN)/python benchmarks/$$name.py; done

clean:  ## remove the environment and what was built
	rm -rf $(VENV) site build dist

# A stamp stands only after everything before it went well, so an interrupted install is repeated.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "denoscope needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) 2>/dev/null \
	  || { rm -rf $(VENV); $(PYTHON) -m venv --without-pip $(VENV); \
	       $(PYTHON) -m pip --python $(BIN)/python install --quiet pip; }
	@touch $@

$(VENV)/.installed-demo: $(VENV)/.made $(DEPENDS)
	@echo "installing denoscope into $(VENV) (once, some minutes)"
	$(PIP) --editable .
	@touch $@

$(VENV)/.installed-all: $(VENV)/.made $(DEPENDS)
	@echo "installing denoscope, its tests and its documentation into $(VENV) (once, some minutes)"
	$(PIP) --editable ".[dev,docs,ray]"
	@touch $(VENV)/.installed-demo $@

# Beside the environment, not in it: what a rival needs never meets what denoscope needs.
$(VENV)/.installed-rivals: $(VENV)/.installed-all
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --upgrade \
	  --target $(VENV)/rivals faiss-cpu==1.15.1
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --upgrade \
	  --target $(VENV)/rival_denoisers $(RIVAL_DENOISERS)
	@touch $@
