"""`make audit`: known vulnerabilities of what we depend on, secrets in the repository, licences.

Exit status: 0 well, 1 something was found, 3 nobody could be asked about vulnerabilities. "Not asked" is never "none":
a package that is known to be vulnerable is asked about with the others, and has to come back. Where a build has no way
to an advisory source that is said in the last line and does not fail it, unless AUDIT=required is in the environment.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from importlib.metadata import distributions
from pathlib import Path

ROOT = Path(__file__).parents[1]
CONSTRAINTS = ROOT / "constraints.txt"
BASELINE = ROOT / ".secrets.baseline"
BIN = Path(sys.executable).parent
CANARY = ("jinja2", "2.4.1")
"""Has had advisories for years: a source that knows of none knows nothing."""
SOURCES = ("pypi", "osv")
ASK_S = 300
ACCEPTED: dict[str, str] = {}
"""Id of an advisory -> why it does not concern us."""
REFUSED = re.compile(r"\b(AGPL|GPL|SSPL|BUSL|Commons Clause|Proprietary)", re.IGNORECASE)
ALLOWED = re.compile(r"\bLGPL|Lesser|\bwith\b.*exception|GPL-compatible", re.IGNORECASE)
KNOWN_LICENCES: dict[str, str] = {}
"""Package, lower case -> why its licence does not bind us."""
NOT_ASKED = 3


def dependencies() -> int:
    """Ask each source in turn until one knows the canary."""
    for source in SOURCES:
        found = _ask(source)
        if found is None:
            continue
        open_ = [f for f in found if f[2] not in ACCEPTED]
        for name, version, advisory, fixed in open_:
            print(f"audit: {name} {version}: {advisory}, mended in {fixed or 'no version yet'}")
        print(f"audit: {len(open_)} known vulnerabilities in {_count()} pinned packages, asked {source}")
        return 1 if open_ else 0
    return NOT_ASKED


def _ask(source: str) -> list[tuple[str, str, str, str]] | None:
    """Name, version, advisory and where it is mended; None where the source doesn't answer, or knows nothing."""
    with tempfile.TemporaryDirectory() as folder:
        asked = Path(folder) / "requirements.txt"
        asked.write_text(CONSTRAINTS.read_text() + "\n{}=={}\n".format(*CANARY))
        command = [BIN / "pip-audit", "--no-deps", "--disable-pip", "--progress-spinner=off", "--format=json"]
        try:
            done = subprocess.run(
                [*command, f"--vulnerability-service={source}", f"--requirement={asked}"],
                capture_output=True,
                text=True,
                timeout=ASK_S,
                stdin=subprocess.DEVNULL,
            )
            answer = json.loads(done.stdout)["dependencies"]
        except (subprocess.TimeoutExpired, ValueError, KeyError):
            print(f"audit: {source} does not answer")
            return None
    known = {item["name"].lower(): item for item in answer}
    if not known.get(CANARY[0], {}).get("vulns"):
        print(f"audit: {source} answers, but does not know of {' '.join(CANARY)}: it is no source of advisories")
        return None
    if left_out := [item["name"] for item in answer if "skip_reason" in item]:
        print(f"audit: {source} knows nothing of {', '.join(left_out)}")
    return [
        (item["name"], item["version"], vulnerability["id"], ", ".join(vulnerability["fix_versions"]))
        for item in answer
        for vulnerability in item.get("vulns", [])
        if item["name"].lower() != CANARY[0]
    ]


def _count() -> int:
    return sum(1 for line in CONSTRAINTS.read_text().splitlines() if "==" in line and not line.startswith("#"))


def secrets() -> int:
    """Search all files for what looks like a secret and is not in the baseline."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    # Random bytes look like secrets; what fuzzing keeps is made of its seeds, which are searched.
    names = [name for name in listed.stdout.splitlines() if not name.startswith("tests/fuzz/corpus/")]
    files = [name for name in names if name != BASELINE.name and (ROOT / name).is_file()]
    done = subprocess.run([BIN / "detect-secrets", "scan", *files], cwd=ROOT, capture_output=True, text=True)
    found = json.loads(done.stdout)["results"]
    known = {
        (file, secret["hashed_secret"])
        for file, items in json.loads(BASELINE.read_text())["results"].items()
        for secret in items
    }
    new = [
        f"{file}:{secret['line_number']}: {secret['type']}"
        for file, items in sorted(found.items())
        for secret in items
        if (file, secret["hashed_secret"]) not in known
    ]
    for line in new:
        print(f"audit: {line}: looks like a secret; if it is none, mark the line with `# pragma: allowlist secret`")
    print(f"audit: {len(new)} new secrets in {len(files)} files")
    return 1 if new else 0


def licences() -> int:
    """Refuse packages whose licence would bind us."""
    kinds: dict[str, list[str]] = {}
    for package in distributions():
        about = package.metadata
        classified = [c.rpartition(" :: ")[2] for c in about.get_all("Classifier") or [] if c.startswith("License ::")]
        text = about.get("License-Expression") or ", ".join(classified) or (about.get("License") or "unknown")
        kinds.setdefault(text.strip().splitlines()[0][:60] or "unknown", []).append(str(about["Name"]))
    bad = [f"{n}: {k}" for k, names in kinds.items() for n in names if _binds(k) and n.lower() not in KNOWN_LICENCES]
    for kind, names in sorted(kinds.items(), key=lambda item: -len(item[1])):
        print(f"audit: {len(names):>4} {kind}" + (f" ({', '.join(sorted(names))})" if len(names) < 4 else ""))
    for line in bad:
        print(f"audit: a licence that would bind us, {line}")
    return 1 if bad else 0


def _binds(licence: str) -> bool:
    choices = re.split(r"\bOR\b|,", licence)
    return all(REFUSED.search(choice) and not ALLOWED.search(choice) for choice in choices)


def main() -> int:
    """All three; the worst status."""
    found = [licences(), secrets()]
    asked = dependencies()
    if asked == NOT_ASKED:
        print("audit: NOT AUDITED: no source of advisories could be asked, so nothing is known of vulnerabilities")
        return 1 if any(found) else NOT_ASKED if os.environ.get("AUDIT") == "required" else 0
    return 1 if any([*found, asked]) else 0


if __name__ == "__main__":
    sys.exit(main())
