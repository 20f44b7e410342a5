#!/usr/bin/env python3
"""Compares each source file's imports with the target graph, which is read from standard input as
`swift package describe --type json` prints it. SwiftPM's own check lets transitive imports through."""

import json
import re
import sys

# The toolchain's own modules. Foundation costs a static binary 50 MB, so the product does without it.
EVERYWHERE = {"Glibc", "Swift", "Synchronization", "Dispatch"}
ABOVE_BROKER = {"FoundationEssentials"}
TESTS_ONLY = {"Foundation", "Testing", "FoundationEssentials"}
HIGH_TARGETS = {"KafkaServer", "KafkaClient", "Pipelines", "Connectors", "penstock"}

KINDS = r"(?:typealias|struct|class|enum|protocol|let|var|func|actor)\s+"
IMPORT = re.compile(
    r"^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:public|package|internal|fileprivate|private)\s+)?import\s+"
    rf"(?:{KINDS})?(\w+)"
)


def imports(path):
    """Yields (line number, module) for each import of a Swift file; imports inside block comments do not count."""
    with open(path, encoding="utf-8") as source:
        depth = 0
        for number, line in enumerate(source, 1):
            if depth == 0 and (match := IMPORT.match(line)):
                yield number, match.group(1)
            depth = max(0, depth + line.count("/*") - line.count("*/"))


def allowed(target):
    modules = EVERYWHERE | set(target.get("target_dependencies") or [])
    if target["path"].startswith("Tests/"):
        return modules | TESTS_ONLY
    return modules | ABOVE_BROKER if target["name"] in HIGH_TARGETS else modules


def main():
    targets = [t for t in json.load(sys.stdin)["targets"] if t["module_type"] == "SwiftTarget"]
    mistakes = []
    files = 0
    for target in targets:
        may, used = allowed(target), set()
        for source in target["sources"]:
            path = f"{target['path']}/{source}"
            files += 1
            for number, module in imports(path):
                used.add(module)
                if module not in may:
                    mistakes.append(f"{path}:{number}: {target['name']} imports {module}, which is not among its dependencies")
        for module in sorted(set(target.get("target_dependencies") or []) - used):
            mistakes.append(f"Package.swift: {target['name']} depends on {module}, which none of its files imports")
    for mistake in mistakes:
        print(mistake, file=sys.stderr)
    print(f"imports: {files} files of {len(targets)} targets, {len(mistakes)} mistakes")
    sys.exit(1 if mistakes else 0)


if __name__ == "__main__":
    main()
