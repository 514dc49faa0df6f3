# Everything here works on a fresh machine with Python 3.11-3.13 and make alone.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
WORKERS ?= 2
# Where it is set, pytest keeps no rewritten tests, and each of its workers rewrites all of them, which takes 15 seconds.
export PYTHONDONTWRITEBYTECODE :=
# Tests of one xdist_group share what takes long to make, in one worker; SLOWEST=25 names the slowest tests.
PYTEST := $(BIN)/python -m pytest --dist loadgroup $(if $(SLOWEST),--durations=$(SLOWEST))

.PHONY: run docs notebooks test test-long test-durations test-bench test-slow test-build test-browser test-oldest check bench bench-decoding bench-pixelcnn bench-training clean

run: $(STAMP)  ## train a conditional flow on the embedded digits, in a minute at most, and draw each digit ten times
	$(BIN)/python -m tfgen run conditional_realnvp

docs: $(STAMP)  ## the documentation site, in site/: open site/index.html, no network is needed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

notebooks: $(STAMP)  ## notebooks/*.ipynb from their texts, notebooks/*.py
	$(BIN)/python tools/notebooks.py

test: $(STAMP)  ## the quick tests of everything but the benchmarks
	$(PYTEST) -n $(WORKERS) -m 'not long and not slow' --ignore tests/benchmarks

test-long: $(STAMP)  ## the other tests of it that take seconds: those that tests/durations.json lists
	$(PYTEST) -n $(WORKERS) -m long --ignore tests/benchmarks

test-durations: $(STAMP)  ## both, and write that list anew
	$(PYTEST) -n $(WORKERS) -p tools.durations --ignore tests/benchmarks

test-bench: $(STAMP)  ## the tests of the benchmarks
	$(PYTEST) -n $(WORKERS) tests/benchmarks

test-slow: $(STAMP)  ## the tests that take minutes
	$(BIN)/python -m pytest -m slow

test-build: $(STAMP)  ## what a user installs: a wheel, in an environment of its own outside the checkout
	$(BIN)/python -m pytest -m slow -n 0 tests/build

test-browser: $(STAMP)  ## the explorer's page in a real browser: needs a Chromium, and installs playwright, which drives it
	@command -v chromium || command -v chromium-browser || command -v google-chrome || { echo 'install a Chromium first'; exit 2; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[browser]'
	$(BIN)/python -m pytest -n 0 tests/plugins/serve/test_explorer_in_browser.py

# The other packages are today's and warn about old ones: here a warning is no error. Python 3.13 came after TensorFlow 2.19.
test-oldest:  ## quick and long tests with the oldest versions that setup.cfg admits, in .venv-oldest; Python 3.11 or 3.12
	$(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints-oldest.txt --editable '.[dev]'
	.venv-oldest/bin/python -m pytest --dist loadgroup -n $(WORKERS) -o filterwarnings=default -m 'not slow' --ignore tests/benchmarks

check: $(STAMP)  ## style, types, and who imports whom
	$(BIN)/ruff check .
	$(BIN)/mypy
	PYTHONPATH=. $(BIN)/lint-imports

bench: $(STAMP)  ## what every model costs, in about four minutes; BENCH="realnvp --parts growth" for other things
	$(BIN)/python -m benchmarks --quick $(BENCH)

bench-training: $(STAMP)  ## the training loop in each mode, beside tf.data and keras.Model.fit; BENCH="--data mnist" for more
	$(BIN)/python benchmarks/training_loop.py --data digits $(BENCH)

bench-decoding: $(STAMP)  ## what sampling an autoencoder costs beyond its decoder
	$(BIN)/python benchmarks/decoding.py $(BENCH)

bench-pixelcnn: $(STAMP)  ## sampling a PixelCNN beside a pass of the network for each pixel; BENCH="--peer" for tfd.PixelCNN
	$(BIN)/python benchmarks/pixelcnn_sampling.py $(BENCH)

$(STAMP): setup.cfg setup.py pyproject.toml constraints.txt tools/build_backend.py
	rm -rf *.egg-info  # an old one would hide the entry points of the new
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip uninstall --quiet --yes --disable-pip-version-check tfgen  # the name before tfgen-prob
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $(STAMP)

clean:
	rm -rf $(VENV) .venv-oldest build dist site *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
