"""Types that fields of events are made of."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

SCHEMA_VERSION = 1

Time = Annotated[datetime, msgspec.Meta(tz=True)]
Whole = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""An integer that a snapshot and the database can hold."""

Value = str | float | Whole | bool | None
"""Of an attribute."""
