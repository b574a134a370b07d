# make run: HiLink on this machine.   make test: everything CI checks.   Both set up what they need.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test lint fix docs e2e screenshots bench lock setup clean

setup:
	@$(PYTHON) hilink_app/toolchain/setup.py
run: setup
	@$(BIN)/python -m hilink_app.cli run --demo
test: setup
	@$(BIN)/python tests/run.py all
e2e: setup
	@$(BIN)/python tests/run.py e2e
lint: setup
	@$(BIN)/python tests/run.py lint
fix: setup
	@$(BIN)/ruff check --fix -q . ; $(BIN)/ruff format -q .
docs: setup
	@$(BIN)/python tests/run.py docs
screenshots: setup
	@$(BIN)/python -m hilink_app.cli screenshots
lock: setup
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url --no-emit-find-links --extra test --extra redis pyproject.toml -o requirements.lock
clean:
	@rm -rf .web .hilink/web .pytest_cache .ruff_cache
