# `make demo` shows Trapline at work; `make test` proves that it works. Both make what they need inside this checkout.

PYTHON ?= python3
BIN := .venv/bin
# The pictures that the starter model is made from; they belong to others and are not part of the project.
PICTURES ?= ../shared

# Nothing is written outside this checkout.
export TMPDIR := $(CURDIR)/.cache/tmp
export KERAS_HOME := $(CURDIR)/.cache/keras
export UV_CACHE_DIR := $(CURDIR)/.cache/uv
export PIP_NO_CACHE_DIR := 1
$(shell mkdir -p .cache/tmp)

.PHONY: demo test lint starter bench bench-memory bench-training bench-intake bench-duplicates bench-report bench-export bench-queries words lock clean

demo: .venv/ready
	$(BIN)/trapline demo

# In two processes, each with one thread for arithmetic; `PYTEST` says what else pytest is told, such as a folder.
test: .venv/ready lint
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses 2 --dist worksteal $(PYTEST)

lint: .venv/ready
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

starter: .venv/ready
	$(BIN)/python -m training starter $(PICTURES) $(if $(WITHOUT_VALID),--without-valid --out .cache/starter)

# Against the textbook's way, a competent one and the machine's own peak; a quarter of an hour on a quiet machine.
bench: .venv/ready
	$(BIN)/python tests/benchmarks/bench_speed.py speed

# The daemon's memory over 20,000 pictures with the starter and 2,000 with the reference; an hour.
bench-memory: .venv/ready
	$(BIN)/python tests/benchmarks/bench_speed.py memory

# What caching features is worth; minutes on a quiet machine.
bench-training: .venv/ready
	$(BIN)/python tests/benchmarks/bench_training.py

# A hundred thousand files at once, too few events and watches, kills, mounts, known files; an hour, as root.
bench-intake: .venv/ready
	$(BIN)/python tests/benchmarks/bench_intake.py soak
	$(BIN)/python tests/benchmarks/bench_intake.py limits
	$(BIN)/python tests/benchmarks/bench_intake.py kills
	$(BIN)/python tests/benchmarks/bench_intake.py rescan
	$(BIN)/python tests/benchmarks/bench_intake.py mounts

# Burst frames, copies and re-exports; ten minutes.
bench-duplicates: .venv/ready
	$(BIN)/python tests/benchmarks/bench_duplicates.py

# A season's report from a hundred thousand pictures, a night's from a million; a quarter of an hour and 3 GB of disk.
bench-report: .venv/ready
	$(BIN)/python tests/benchmarks/bench_report.py season
	$(BIN)/python tests/benchmarks/bench_report.py million

# A million pictures handed on in every way; ten minutes and 4 GB of disk.
bench-export: .venv/ready
	$(BIN)/python tests/benchmarks/bench_export.py

# Every question of ecologists about a million pictures; ten minutes and 3 GB of disk.
bench-queries: .venv/ready
	$(BIN)/python tests/benchmarks/bench_queries.py

# Brings the catalogues of reports up to date with the templates; a translator fills in what is empty then.
LANGUAGES := fr es pt sw id
words: .venv/ready
	$(BIN)/pybabel --quiet extract --mapping-file templates/locale/babel.cfg --no-location --omit-header \
		--sort-output --output-file .cache/words.pot .
	$(foreach one,$(LANGUAGES),$(BIN)/pybabel --quiet update --no-fuzzy-matching --no-wrap --ignore-obsolete \
		--omit-header --input-file .cache/words.pot --output-file templates/locale/$(one).po --locale $(one) --init-missing;)

# The lock has hashes and no addresses: pip asks whatever index it is set to.
lock: .venv/ready
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate \
		--python-version 3.11 --extra dev pyproject.toml --output-file requirements.txt

.venv/ready: requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

clean:
	rm -rf .venv .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache demo
