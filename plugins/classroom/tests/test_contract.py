"""The classroom keeps what every plugin keeps."""

import pytest

from core.testing import plugin_contract

pytestmark = pytest.mark.contract

test_contract = plugin_contract("plugins.classroom")
