"""The contract suite, where the unit tests are run; it is of its own in `tests/contract`."""

from __future__ import annotations

from tests.contract.test_checks import *  # noqa: F403
from tests.contract.test_models import *  # noqa: F403
