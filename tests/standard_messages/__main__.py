"""Print what becomes of every sample file."""

from __future__ import annotations

import argparse
import json
from collections import Counter

from rich.console import Console
from rich.markup import escape
from rich.table import Table

import tests.standard_messages
from tests.standard_messages.survey import ROOT, Became, by_folder, counts, survey


def main() -> None:
    """Read all, print one row a folder and verdict, or one a file."""
    parser = argparse.ArgumentParser(description=tests.standard_messages.__doc__)
    parser.add_argument("--files", action="store_true", help="one row a file")
    parser.add_argument("--json", action="store_true", help="one JSON object a file")
    asked = parser.parse_args()
    files = list(survey())
    if asked.json:
        for one in files:
            row = {"path": one.path, "verdict": one.verdict, "format": one.outcome.format, "counts": counts([one])}
            print(json.dumps(row | {"rejected": one.outcome.rejected, "notes": one.outcome.notes}))
        return
    console = Console()
    console.print(_each(files) if asked.files else _folders(files))
    console.print(f"{len(files)} files in {ROOT.name}: {dict(Counter(one.verdict for one in files))}")


def _folders(files: list[Became]) -> Table:
    table = Table("folder", "files", "verdict", "as", "what came of them")
    for key, group in sorted(by_folder(files).items()):
        folder, verdict, kind = key.split("|")
        said = ", ".join(f"{n:,} {name}" for name, n in counts(group).items())
        if verdict == "rejected":
            why = Counter(one.outcome.rejected.partition(": ")[2][:90] for one in group)
            said = "; ".join(f"{n} x {text}" if n > 1 else text for text, n in why.most_common(3))
            said += f"; and {len(why) - 3} more" if len(why) > 3 else ""
        table.add_row(folder, str(len(group)), verdict, escape(kind), escape(said))
    return table


def _each(files: list[Became]) -> Table:
    table = Table("file", "verdict", "as", "what came of it")
    for one in files:
        said = one.outcome.rejected or ", ".join(f"{n:,} {name}" for name, n in counts([one]).items())
        table.add_row(escape(one.path), one.verdict, one.outcome.format, escape(said))
    return table


if __name__ == "__main__":
    main()
