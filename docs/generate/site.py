"""The documentation as a site in build/site/: `python -m docs.generate.site`.

The pages are the Markdown files of the repository as they are. They are copied to build/pages/ first, because the site
also holds pages from outside docs/, and links between the two must lead to pages of the site.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

from docs.generate.rooms import ROOT

PAGES, SITE = ROOT / "build" / "pages", ROOT / "build" / "site"  # as in zensical.toml
OUTSIDE = {  # pages from outside docs/, by their name in the site
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "MODEL_CARD.md": "model-cards.md",
    "SECURITY.md": "security.md",
    "benchmarks/RESULTS.md": "results.md",
    "benchmarks/studies/SYSTEMS.md": "systems.md",
    "train/EXPERIMENTS.md": "experiments.md",
}
ASSETS = {".png", ".svg", ".css", ".json"}
LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<target>[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")


def main() -> None:
    """Build the site; a dead link, or a part that is loaded from another host, is an error."""
    copy_pages()
    shutil.rmtree(SITE, ignore_errors=True)
    zensical = Path(sys.executable).with_name("zensical")
    subprocess.run([zensical, "build", "--strict", "--clean"], check=True, cwd=ROOT)
    if found := external_parts(SITE):
        sys.exit("\n".join(["the site loads parts from other hosts:", *found]))


def copy_pages() -> None:
    """Copy all pages, images and styles to build/pages/, and change their links to the names in that folder."""
    names = {ROOT / source: target for source, target in OUTSIDE.items()}
    for path in (ROOT / "docs").rglob("*"):
        if path.suffix in {".md", *ASSETS}:
            names[path] = path.relative_to(ROOT / "docs").as_posix()
    for path in (ROOT / "benchmarks" / "plots").glob("*.png"):
        names[path] = f"images/{path.name}"
    names[ROOT / "README.md"] = "index.md"  # docs/index.md takes its place in the site
    shutil.rmtree(PAGES, ignore_errors=True)
    for path, name in names.items():
        target = PAGES / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in ASSETS:
            shutil.copy(path, target)
        elif path != ROOT / "README.md":
            target.write_text(with_site_links(path, names), encoding="utf-8")


def with_site_links(path: Path, names: dict[Path, str]) -> str:
    """Return the text of a page with its links changed; a link to a file that is not a page becomes plain text.

    Args:
        path: The page in the repository.
        names: Name in the site, by the path in the repository.
    """

    def changed(match: re.Match[str]) -> str:
        target = Path(os.path.normpath(path.parent / match["target"]))
        if target in names:
            name = os.path.relpath(names[target], Path(names[path]).parent)
            return f"[{match['text']}]({name}{match['anchor'] or ''})"
        return match["text"] if target.exists() else match[0]

    return LINK.sub(changed, path.read_text(encoding="utf-8"))


def external_parts(site: Path) -> list[str]:
    """Return the scripts, styles, images, fonts and frames that pages of the site load from other hosts."""
    found = []
    for page in sorted(site.rglob("*.html")):
        parser = _Parts()
        parser.feed(page.read_text(encoding="utf-8"))
        found += [f"{page.relative_to(site)}: {url}" for url in parser.external]
    for style in sorted(site.rglob("*.css")):
        urls = re.findall(r"(?:url\(|@import\s*)[\"']?((?:https?:)?//[^\"')\s]+)", style.read_text("utf-8"))
        found += [f"{style.relative_to(site)}: {url}" for url in urls]
    return found


class _Parts(HTMLParser):
    """Collects the URLs that a browser loads with a page, from the `src` of elements and the `href` of links."""

    def __init__(self) -> None:
        super().__init__()
        self.external: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        urls = [values.get("src"), values.get("srcset"), values.get("poster")]
        if tag == "link" and values.get("rel") != "canonical":
            urls.append(values.get("href"))
        self.external += [url for url in urls if url and re.match(r"(https?:)?//", url)]


if __name__ == "__main__":
    main()
