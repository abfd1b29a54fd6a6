"""Every file of ../shared/data/standard_messages through the code of `lockstep convert`: taken as what, or why not.

`python -m tests.standard_messages [--files] [--json]` prints the table.
"""
