# The commands of this repository. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help setup demo test check sim bench scoreboard fuzz generate diff clean
ARGS ?=
SEEDS ?= 20000
TIME ?= 60

help: ## list the commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: ## install what is missing: PostgreSQL, the prebuilt DuckDB library
	@scripts/setup

demo: setup ## run Acme end to end on this machine; ARGS="--keep --orders 200000 --seconds 60"
	@scripts/demo $(ARGS)

test: setup ## everything that CI runs
	@scripts/test

check: ## the inner loop: format, clippy, contracts
	@scripts/check

sim: setup ## the seeded simulation; SEEDS=20000, or SEED=n to replay one
	@scripts/sim $(SEEDS) $(SEED)

bench: setup ## the figures of docs/performance.md
	@scripts/bench $(ARGS)
	@scripts/bench-compiler $(filter --write --quick,$(ARGS))

scoreboard: ## breaks found, missed and false alarms, ours and the peer's: docs/scoreboard.md
	@scripts/scoreboard

fuzz: ## inputs that break the compiler; TIME=60 seconds a part
	@scripts/fuzz $(TIME)

generate: setup ## regenerate generated/ from contracts/
	@cargo run -q -p covenant-compiler --bin covenant -- build

diff: setup ## breaking changes against the last released contracts
	@cargo run -q -p covenant-compiler --bin covenant -- diff --against released

clean: ## remove what the demo, the tests and the builds left
	rm -rf target .demo .bench .venv
