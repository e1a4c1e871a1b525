SHELL := /bin/bash
.DEFAULT_GOAL := help
python := .venv/bin/python

.PHONY: help setup demo test check fast docs site bench linters coverage mutants fuzz clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: ## make .venv from the hashed locks
	@scripts/setup

demo: setup ## review and optimise the example fleet on a real engine
	@scripts/with-engine scripts/demo

# One more than there are cores: tests of the engine wait for it most of the time.
test: setup ## run all tests, those on a real engine included
	@scripts/with-engine $(python) -m pytest -n $$(($$(nproc) + 1)) --dist loadgroup $(ARGS)

fast: setup ## run the tests that need no engine
	@$(python) -m pytest -n auto -m 'not engine' $(ARGS)

check: setup ## lint, types, layers, generated docs, and whether every test can be collected
	@$(python) -m ruff check src tests scripts bench fuzz
	@$(python) -m ruff format --check src tests scripts bench fuzz
	@.venv/bin/basedpyright
	@.venv/bin/lint-imports
	@$(python) scripts/generate_docs.py --check
	@$(python) -m pytest --collect-only -qq > /dev/null || { $(python) -m pytest --collect-only -qq | tail -n 20; exit 1; }
	@! git grep -nI -E 'pyp[i]\.org|pythonhoste[d]|registry\.npmj[s]|deb\.debia[n]\.' || { echo "a registry's address is named above"; exit 1; }

docs: setup ## write the generated reference anew
	@$(python) scripts/generate_docs.py

site: setup ## build the documents as a site, in site/
	@NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict --quiet

bench: setup ## measure against rivals and over sizes; BENCH=engine: those that need an engine, and put the proof to the test
ifeq ($(BENCH),engine)
	@for each in startup build deploy alerts ground_truth; do echo "== $$each"; scripts/with-engine $(python) bench/$$each.py || exit 1; done
else
	@for each in run review schedule sizing report ledger; do echo "== $$each"; $(python) bench/$$each.py || exit 1; done
endif

linters: setup ## show the seeded defects to other linters
	@scripts/with-engine $(python) bench/linters.py

coverage: setup ## measure which branches of the pure core the tests take
	@$(python) -m coverage erase
	@$(python) -m coverage run -m pytest -n auto -m 'not engine' $(ARGS)
	@$(python) -m coverage combine --quiet
	@$(python) -m coverage report

mutants: setup ## change the code of rewriting, comparing and planning, and see whether the tests notice
	@$(python) scripts/mutate.py $(ARGS)

fuzz: setup ## search for inputs that break something
	@$(python) fuzz/run.py $(ARGS)

clean: ## remove the environment and the private engine with all its images
	@scripts/engine remove
	@rm -rf .venv
