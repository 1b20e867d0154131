# Two commands do everything: `make book` and `make test`. `make` alone lists the targets.
PYTHON ?= python3
BIN := .venv/bin
# the copy that `make test` runs and builds; nbmake passes over folders named _build
CHECKED := .checked
UV = $(shell command -v uv || echo $(BIN)/uv)
# a process a core; two threads in each would wait for each other
EACH_CORE = --numprocesses=logical
QUICK = OMP_NUM_THREADS=1 $(BIN)/pytest -rs $(EACH_CORE) --ignore=tests/test_book.py
.DEFAULT_GOAL := help
.PHONY: help book test budget bench verify colab quick lint constraints clean
.PRECIOUS: .venv/.%

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# glibc gives large tensors back to the system after every step and faults them in again; keeping them makes
# a training step on a CPU a fifth faster
test verify: export MALLOC_MMAP_THRESHOLD_ = 1073741824
test verify: export MALLOC_TRIM_THRESHOLD_ = 2147483647

book: .venv/.book ## set up, run the chapters at small scale, build the site
	$(BIN)/jupyter-book build . -W -n --keep-going
	@echo "Open _build/html/index.html"

test: .venv/.test ## set up, quick tests, every chapter once, the built site in a browser
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(QUICK)
	rm -rf $(CHECKED) && mkdir -p $(CHECKED)
	cp -r _config.yml _toc.yml book xstitch_lib $(CHECKED)
	XSTITCH_RUNS='$(CURDIR)/$(CHECKED)/runs' OMP_NUM_THREADS=1 $(BIN)/pytest --nbmake --overwrite $(EACH_CORE) \
		--maxschedchunk=1 --verbose --durations=0 $$($(BIN)/python book/_ext/xstitch_chapters.py $(CHECKED)/book/*.ipynb)
	XSTITCH_EXECUTE=off $(BIN)/jupyter-book build $(CHECKED) -W -n --keep-going
	$(BIN)/pytest -rs $(EACH_CORE) tests/test_book.py

quick: .venv/.test ## the quick tests alone
	$(QUICK)

budget: .venv/.test .venv/.book ## what a newcomer waits for, beside its budgets; leave the machine alone meanwhile
	$(BIN)/python benchmarks/bench_book.py

bench: .venv/.test ## speed, as ratios measured side by side; leave the machine alone meanwhile
	$(BIN)/python benchmarks/bench_unit.py
	$(BIN)/python benchmarks/bench_training.py
	$(BIN)/python benchmarks/bench_engine.py
	$(BIN)/python benchmarks/bench_neighbours.py

STUDY ?= table5
SCALE ?= small
verify: .venv/.test ## run a recorded study again and compare: make verify STUDY=table5 WITH="--arms one-task --seeds 0"
	$(BIN)/xstitch verify $(STUDY) --scale $(SCALE) $(WITH)

colab: .venv/.book ## run the Colab copies in a fresh environment: make colab WITH=book/01_the_cross_stitch_unit.ipynb
	$(BIN)/python tools/check_colab.py --uv $(UV) $(WITH)

lint: .venv/.test ## format and check the code and the notebooks
	$(BIN)/ruff check --fix . && $(BIN)/ruff format .

constraints: .venv/.test ## renew constraints.txt: the newest versions that fit, versions only
	$(UV) pip compile --quiet --upgrade --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
		--extra test pyproject.toml --output-file constraints.txt

clean: ## remove everything that was built, and the live runs that chapters share
	rm -rf .venv _build $(CHECKED) "$${XDG_CACHE_HOME:-$$HOME/.cache}/xstitch_lib/runs"

.venv/.%: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or later is needed, found " + sys.version.split()[0] + ": make PYTHON=python3.11 ...")'
	@echo "Setting up .venv with the extra '$*' (torch is large: a few minutes on a slow line)"
	@test -f .venv/pyvenv.cfg || $(PYTHON) -m venv .venv || \
		{ rm -rf .venv; echo "No virtual environment: on Debian, apt-get install python3-venv"; exit 1; }
	@command -v uv > /dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(UV) pip install --compile-bytecode --python $(BIN)/python --constraint constraints.txt --editable '.[$*]'
	@touch $@
