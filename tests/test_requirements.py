"""requirements.txt lists the recorder's dependencies with hashes, in the versions that birdedge is tested with."""

from __future__ import annotations

import re
import tomllib

from tests.support.commands import ROOT

ENTRY = re.compile(r"^(\S+)==(\S+).*\\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE)


def test_every_entry_has_a_version_and_hashes() -> None:
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    assert ENTRY.sub("", text) == ""


def test_the_direct_dependencies_have_the_versions_of_the_constraints() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    direct = {re.split(r"[>=<\[ ]", requirement)[0] for requirement in project["dependencies"]}
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    tested = dict(re.findall(r"^(\S+)==(\S+)$", constraints, re.MULTILINE))
    locked = {match[1]: match[2] for match in ENTRY.finditer((ROOT / "requirements.txt").read_text("utf-8"))}
    assert {name: locked.get(name) for name in direct} == {name: tested[name] for name in direct}
