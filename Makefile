# The words a newcomer types. `make` alone lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CONFIG ?= config/orders.yaml

.PHONY: help install demo run test lint messages goldens looks sheets pictures mutants bench soak wheel-test slow faults chaos containers clean lock

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("customs-watch needs Python 3.11 or newer, this is " + sys.version) if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing what requirements.lock names into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

install: $(STAMP) ## make .venv from the lock file

demo: $(STAMP) ## play the example orders through the real program (FRESH=1 starts over)
	@$(BIN)/customs-watch demo $(if $(FRESH),--fresh)

run: $(STAMP) ## watch your own orders (config/orders.yaml) until Ctrl-C
	@$(BIN)/customs-watch run --config $(CONFIG)

test: $(STAMP) ## the fast tests
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not slow and not faults and not containers" $(ARGS)

slow: $(STAMP) ## the tests that take long: many processes, kills, faults
	@$(BIN)/python -m pytest -q -n 2 -m slow tests/words $(ARGS)
	@$(BIN)/python -m pytest -q -m "slow and not containers" --ignore tests/words $(ARGS)

faults: $(STAMP) ## kill, cut and stop everything at every point, and look at what arrived (CW_SEED=1 repeats a run)
	@$(BIN)/python -m pytest -q -s -m faults tests/faults tests/chaos $(ARGS)

chaos: $(STAMP) ## half an hour of random faults and 100,000 notices, ours and a naive design side by side (ARGS="--seed 7")
	@$(BIN)/python -m tests.chaos $(ARGS)

containers: $(STAMP) ## build the image and run docker-compose.yml for real (podman, podman-compose), under faults
	@$(BIN)/python -m pytest -q -s -m containers tests/containers $(ARGS)

wheel-test: $(STAMP) ## build the wheel, install it elsewhere, run the demo from it
	@$(BIN)/python tests/wheel.py

lint: $(STAMP) ## ruff, mypy --strict, import-linter, bandit
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/bandit -q -r workers

messages: $(STAMP) ## bring templates/locale/*.po up to date with the words (then translate what is new)
	@$(BIN)/python tests/messages.py

goldens: $(STAMP) ## write the golden files of all words anew (then read the diff)
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile tests/words --update-golden

looks: $(STAMP) ## look at every mail: a browser, axe, mail clients' gaps, a mail parser, SpamAssassin (needs chromium, node, spamassassin)
	@cd tests/looks && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --silent
	@rm -rf var/looks && $(BIN)/python -m tests.looks.write var/looks
	@node tests/looks/look.mjs var/looks
	@node tests/looks/parse.mjs var/looks
	@$(BIN)/python tests/looks/spam.py var/looks

sheets: $(STAMP) ## contact sheets of every mail, to be looked at: var/looks/*.png (LANGS="en he" for some)
	@cd tests/looks && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --silent
	@rm -rf var/looks && $(BIN)/python -m tests.looks.write var/looks
	@node tests/looks/sheets.mjs var/looks $(LANGS)

pictures: $(STAMP) ## make the pictures of the README again, from what the demonstration sends (needs chromium, node, pngquant)
	@cd tests/looks && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --silent
	@$(BIN)/customs-watch demo --fresh --folder var/pictures/demo >/dev/null
	@$(BIN)/python -m tests.looks.pictures var/pictures/demo var/pictures
	@node tests/looks/pictures.mjs var/pictures docs/pictures

mutants: $(STAMP) ## break the deciders and the store's scripts one small way at a time: do their tests notice?
	@$(BIN)/python tests/mutants.py --each 20 --jobs 2 rules assess advise notices forecast
	@$(BIN)/python tests/lua_mutants.py --each 12

bench: $(STAMP) ## measured claims, as ratios side by side
	@$(BIN)/python -m benchmarks

soak: $(STAMP) ## the whole program under a steady load for two hours: does anything grow? (HOURS=…, or MINUTES=…)
	@$(BIN)/python -m tests.soak $(if $(MINUTES),--minutes $(MINUTES),--hours $(or $(HOURS),2)) $(ARGS)

UV_LOCK := $(BIN)/python -m uv pip compile -q --universal --no-strip-extras --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
lock: $(STAMP) ## write the locks anew (needs uv): all, what the image runs, what builds it
	@$(UV_LOCK) pyproject.toml --all-extras --group dev -o requirements.lock
	@$(UV_LOCK) pyproject.toml --extra apprise --extra web -c requirements.lock -o requirements.run.lock
	@$(UV_LOCK) --group build -c requirements.lock -o requirements.build.lock

clean: ## remove what make made, but not your orders nor var/
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
