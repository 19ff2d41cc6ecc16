# make train: the main job. make test: all checks. Both set themselves up.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
QUIET := --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help train test test-all docs lab format figures weights results lock engine container-test clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "mnist_nb needs Python 3.11 or newer; name one with: make PYTHON=python3.12"; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "this Python can't make a virtual environment; on Debian: apt install python3-venv"; exit 2; }

$(VENV)/installed: settings.ini setup.py | $(BIN)/python
	@echo "installing into $(VENV): PyTorch is some gigabytes, so this takes a few minutes"
	@$(BIN)/python -m pip install --disable-pip-version-check -e .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	@$(BIN)/python -m pip install $(QUIET) -e '.[dev]'
	@touch $@

train: $(VENV)/installed ## Train, evaluate and predict: the whole way
	@$(BIN)/python tools/main_job.py

test: $(VENV)/installed-dev ## Pass the tests (FILE=nbs/02_train.ipynb: those of one notebook)
	@PATH="$(CURDIR)/$(BIN):$$PATH"; $(if $(FILE),nbdev_test --path $(FILE),python -m pytest tests)

test-all: $(VENV)/installed-dev ## Pass all tests, the slow ones too: container, every page, studies, Ray, complete MNIST
	@PATH="$(CURDIR)/$(BIN):$$PATH" MNIST_NB_TEST_ALL=1 python -m pytest tests

docs: $(VENV)/installed-dev ## Build the site in _docs
	@PATH="$(CURDIR)/$(BIN):$$PATH" python tools/docs.py --check

lab: $(VENV)/installed-dev ## Open the notebooks in JupyterLab
	@$(BIN)/jupyter lab nbs/00_data.ipynb

format: $(VENV)/installed-dev ## Format, clean and export the notebooks, write the README
	@PATH="$(CURDIR)/$(BIN):$$PATH"; ruff check --fix -q . ; ruff format -q . && nbdev_clean && nbdev_export && python tools/readme.py

figures: $(VENV)/installed-dev ## Draw the README's pictures anew
	@$(BIN)/python tools/figures.py

weights: $(VENV)/installed ## Train the networks that ship with the package anew
	@for net in fast cnn pocket strong robust; do $(BIN)/mnist-nb train --recipe $$net --save_dir models/$$net && \
	$(BIN)/mnist-nb optimize --model models/$$net/best_model.safetensors --output mnist_nb/weights/$$net.onnx && \
	cp models/$$net/best_model.safetensors mnist_nb/weights/$$net.safetensors || exit; done
	@$(BIN)/mnist-nb train --task lines && cp models/lines/lines.onnx mnist_nb/weights
	@$(BIN)/mnist-nb train --task ink && cp models/ink/ink.onnx mnist_nb/weights

results: $(VENV)/installed-dev ## Measure all published numbers anew (five quiet hours)
	@for row in fast:20 cnn:10 strong:5 strong-long:3 robust:5 pocket:3 base:3 improved:3 improved-long:3; do \
	$(BIN)/mnist-nb benchmark --recipe $${row%:*} --seeds $${row#*:} --save-dir models/$${row%:*} || exit; done
	@for epochs in 2 4 8; do $(BIN)/mnist-nb benchmark --recipe fast --epochs $$epochs --seeds 5 || exit; done
	@for recipe in base improved fast cnn; do $(BIN)/mnist-nb benchmark --recipe $$recipe --seeds 3 --dataset mnist-sample || exit; done
	@for study in baselines ablations formats load costs scale corruptions other_datasets refusal reading; do \
	$(BIN)/python tools/exec_nbs.py --path nbs/research/$$study.ipynb --flags notest || exit; done

lock: $(VENV)/installed-dev ## Choose anew which versions the container holds
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python tools/lock.py --upgrade

engine: $(VENV)/installed-dev ## Build the page's engine for browsers anew
	@$(BIN)/mnist-nb optimize --model pocket --format wasm --output mnist_nb/web/digits.wasm

container-test: $(VENV)/installed-dev ## Build the container, and try it (root, buildah, debootstrap)
	@$(BIN)/python .ci/container.py image

clean: ## Remove what can be made again (not models/)
	@rm -rf $(VENV) build dist _proc _docs *.egg-info .pytest_cache .ruff_cache
