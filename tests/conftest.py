"""Before anything imports numpy: the package sets on how many threads its matrix products are computed."""

import stream  # noqa: F401
