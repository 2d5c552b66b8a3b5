# Two commands set everything up: `make run` and `make test`. Only the tests need more, of the system (README.md).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WHEELHOUSE ?= wheelhouse
# Four groups of tests, of which the first two take longest; everything else is the last.
NIGHT_TESTS := tests/night tests/faults
AUDIT_TESTS := tests/audit tests/bench tests/amend tests/absence tests/answers tests/money/test_lives.py
MONEY_TESTS := tests/money
WAITING_TESTS := tests/night/test_worker.py
SYSTEM_PACKAGES := chromium poppler-utils fontconfig fonts-noto-cjk
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export DO_NOT_TRACK := 1
export GX_ANALYTICS_ENABLED := false
# The tests write many small files and sync each: in memory where 8 GiB of it are free, else on disk.
MEMORY_DISK := $(shell [ "$$(df -Pk /dev/shm 2>/dev/null | awk 'END {print $$4}')" -ge 8388608 ] 2>/dev/null && echo /dev/shm)
PYTHON_OF_TESTS := $(if $(MEMORY_DISK),TMPDIR=$(MEMORY_DISK)) $(BIN)/python
PYTEST := $(PYTHON_OF_TESTS) -m pytest
# Some shells forbid it, and then each command that the tests start compiles the program anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test check system format lint types sql-lint tests night-tests audit-tests other-tests money-tests bench bench-10m bench-cards mutants amend forgeries model deletions reading
.PHONY: wheelhouse install-offline offline bench-identity planted planted-patterns unchanged combinations fuzz weather lives kills lock clean

run: $(STAMP)
	$(BIN)/python -m flows.cli.demonstration out

test: check

# Two at a time, in this order, so that neither core waits for the other: who ends first takes the next.
# What is found quickly comes first, then the longest.
check: system format lint
	@$(MAKE) --no-print-directory -j2 types sql-lint night-tests audit-tests other-tests money-tests amend mutants

# What the tests need of the system: a browser, a reader of PDFs, a font for Chinese. Who is root
# gets what is missing; everybody else is told.
system:
	@if ! (command -v chromium && command -v pdftotext && fc-list | grep -qi cjk) >/dev/null 2>&1; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -q && apt-get install -y -q $(SYSTEM_PACKAGES); \
		else \
			echo "install $(SYSTEM_PACKAGES) first: the tests look at pages and papers"; exit 1; \
		fi; \
	fi

format: $(STAMP)
	@echo "== format: is every file written as ruff would write it?"
	$(BIN)/ruff format --check --no-cache .

lint: $(STAMP)
	@echo "== lint: ruff"
	$(BIN)/ruff check --no-cache .

types: $(STAMP)
	@echo "== types: mypy --strict"
	$(BIN)/mypy

sql-lint: $(STAMP)
	@echo "== SQL lint: sqlfluff"
	$(BIN)/sqlfluff lint --disable-progress-bar --processes 2 sql expectations

tests: $(STAMP)
	@$(MAKE) --no-print-directory -j2 night-tests audit-tests other-tests money-tests

# What mostly waits (for Prefect to notice that a run was killed) waits beside the others.
# All is told at the end, not between the lines of the group that runs beside.
night-tests: $(STAMP)
	@echo "== tests: $(NIGHT_TESTS), which tell at their end"
	@$(PYTEST) $(WAITING_TESTS) > .waiting-tests.log 2>&1 & waiting=$$!; \
	$(PYTEST) $(addprefix --ignore=,$(WAITING_TESTS)) $(NIGHT_TESTS) > .night-tests.log 2>&1; code=$$?; \
	wait $$waiting; waiting_code=$$?; \
	echo "== $(NIGHT_TESTS)"; cat .night-tests.log .waiting-tests.log; rm -f .night-tests.log .waiting-tests.log; \
	exit $$((code | waiting_code))

audit-tests: $(STAMP)
	@echo "== tests: $(AUDIT_TESTS)"
	@$(PYTEST) $(AUDIT_TESTS)

money-tests: $(STAMP)
	@echo "== tests: $(MONEY_TESTS), which tell at their end"
	@$(PYTEST) $(addprefix --ignore=,$(AUDIT_TESTS)) $(MONEY_TESTS) > .money-tests.log 2>&1; code=$$?; \
	echo "== $(MONEY_TESTS)"; cat .money-tests.log; rm -f .money-tests.log; exit $$code

other-tests: $(STAMP)
	@echo "== tests: golden cases, properties, end to end, bad files, pages, papers"
	@$(PYTEST) $(addprefix --ignore=,$(NIGHT_TESTS) $(AUDIT_TESTS) $(MONEY_TESTS))

# SPARK_PYTHON names a Python that has pyspark, which this project has not.
SPARK := $(if $(SPARK_PYTHON),--spark-python $(SPARK_PYTHON))
bench: $(STAMP)
	$(BIN)/python -m bench.scale $(SPARK)

# Long (hours), and it needs some 45 GB of disk: it says so beforehand, and refuses where they are not free.
bench-10m: $(STAMP)
	$(BIN)/python -m bench.scale 1000000 10000000 --csv 0 $(SPARK)

bench-cards: $(STAMP)
	$(BIN)/python -m bench.cards

bench-identity: $(STAMP)
	$(BIN)/python -m bench.identity

bench-new-month: $(STAMP)
	$(BIN)/python -m bench.new_month

forgeries: $(STAMP)
	$(BIN)/python -m tests.faults.forgeries

model: $(STAMP)
	$(BIN)/python -m tests.money.model

mutants: $(STAMP)
	$(BIN)/python -m tests.rules.mutants

amend: $(STAMP)
	@echo "== amend: six tasks of a stranger on scratch copies, files by hand and seconds to green"
	$(PYTHON_OF_TESTS) -m tests.amend

# Long: the short form is among the tests.
deletions: $(STAMP)
	$(BIN)/python -m tests.absence.deletions 10000

planted: $(STAMP)
	$(BIN)/python -m tests.audit.planted

planted-patterns: $(STAMP)
	$(BIN)/python -m tests.rules.planted_patterns

unchanged: $(STAMP)
	$(BIN)/python -m tests.audit.unchanged

# Long (an hour): 200 random towns on eight dates, engine against second reading. The tests take 8 of them.
reading: $(STAMP)
	$(BIN)/python -m tests.reading.many 0 200

# Long (hours): a fresh seed each time, which is printed. What offends goes to the corpus, whose files
# the tests try again; they take 150 new ones themselves. make fuzz FILES=3000 SEED=7 repeats a part.
FILES ?= 20000
SEED ?= $(shell date -u +%Y%m%d%H%M%S)
fuzz: SEED := $(SEED)
fuzz: $(STAMP)
	@echo "== fuzz: $(FILES) mutated files of all kinds and formats are read whole, or refused; seed $(SEED)"
	$(BIN)/python -m tests.faults.fuzz --files $(FILES) --seed $(SEED) --keep tests/faults/corpus

combinations: $(STAMP)
	$(BIN)/python -m tests.audit.combinations

lives: $(STAMP)
	$(BIN)/python -m tests.money.lives 100000

# Long (an hour): the tests kill at some twenty.
KILLS ?= 210
kills: $(STAMP)
	KILLS=$(KILLS) $(BIN)/python -m pytest tests/faults/test_kill.py

year: $(STAMP)
	$(BIN)/python -m tests.night.year

weather: $(STAMP)
	$(BIN)/python -m tests.faults.weather
	$(BIN)/python -m tests.faults.full_disk

# All that a machine without a network needs: wheels for this system and this Python, their digests.
# make install-offline VENV=/opt/wuxing/venv installs from it, and from nowhere else.
wheelhouse: $(STAMP)
	rm -rf $(WHEELHOUSE) build && mkdir $(WHEELHOUSE)
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
		--require-hashes -r requirements.lock -d $(WHEELHOUSE)
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation \
		-w $(WHEELHOUSE) . && rm -rf build
	cp requirements.lock $(WHEELHOUSE)/
	cd $(WHEELHOUSE) && sha256sum -- * > SHA256SUMS
	@du -sh $(WHEELHOUSE)

install-offline:
	cd $(WHEELHOUSE) && sha256sum --check --quiet --strict SHA256SUMS
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-index --no-deps \
		--find-links $(WHEELHOUSE) --require-hashes -r $(WHEELHOUSE)/requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-index --no-deps \
		$(WHEELHOUSE)/wuxing-*.whl

# Long (300 MB to fetch, a new environment of 1.3 GB): the short form is among the tests.
offline: wheelhouse
	$(BIN)/python -m tests.install.offline $(WHEELHOUSE)

lock:
	uv pip compile pyproject.toml --extra dev --extra cluster --universal --no-strip-extras --python-version 3.11 \
		--generate-hashes -o requirements.lock

clean:
	rm -rf out home bench/out build wheelhouse

$(STAMP): requirements.lock pyproject.toml
	@echo "== set-up: the project's own environment in $(VENV), exact versions from requirements.lock (about a minute)"
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)
