#!/usr/bin/env python3
"""Checks the documents: every relative link leads to a file, every heading that a link names is there, every file
named in backquotes with a folder exists, and no place of one machine is written down."""

import pathlib
import re
import subprocess
import sys

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
NAMED = re.compile(r"`((?:Sources|Tests|pipelines|docs|\.ci)/[\w./+-]*)`")
PLACES = re.compile(r"(?<![\w.])/(?:work|farm|home/\w+)/")


def anchors(path):
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.+)$", path.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", h.strip().lower()).replace(" ", "-") for h in headings}


def check(path):
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        for link in LINK.findall(line):
            if re.match(r"[a-z]+:", link):
                continue
            file, _, anchor = link.partition("#")
            target = path.parent / file if file else path
            if not target.exists():
                yield f"{path}:{number}: the link {link} leads nowhere"
            elif anchor and target.suffix == ".md" and anchor not in anchors(target):
                yield f"{path}:{number}: {target} has no heading for #{anchor}"
        for name in NAMED.findall(line):
            if not pathlib.Path(name.rstrip("/.")).exists():
                yield f"{path}:{number}: there is no {name}"
        if PLACES.search(line):
            yield f"{path}:{number}: names a place that exists on one machine only"


def main():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        check=True, capture_output=True, text=True)
    paths = [pathlib.Path(p) for p in listed.stdout.split() if pathlib.Path(p).exists()]
    mistakes = [mistake for path in paths for mistake in check(path)]
    for mistake in mistakes:
        print(mistake, file=sys.stderr)
    print(f"documents: {len(paths)} files, {len(mistakes)} mistakes")
    sys.exit(1 if mistakes else 0)


if __name__ == "__main__":
    main()
