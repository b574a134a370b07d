"""Root of the tests' set-up: `tests/` and `plugins/*/tests` share one policy and one set of fixtures."""

pytest_plugins = ["tests.policy", "tests.fixtures"]
