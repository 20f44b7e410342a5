#!/usr/bin/env python3
"""Makes a large log file from small real ones: runs of lines of one system after another, with timestamps moved along
one clock and numbers and ids drawn anew, so that it compresses as logs do and not as a repetition.

Usage: corpus.py OUTPUT MEGABYTES [FOLDER]      FOLDER holds the *.log files to begin from; without it, lines of our own.
"""

import pathlib
import random
import re
import sys
import time

# What a timestamp looks like, and how it is written; %L is milliseconds, %E seconds since 1970.
STAMPS = [
    (rb"\d{4}-\d\d-\d\d-\d\d\.\d\d\.\d\d\.\d{6}", "%Y-%m-%d-%H.%M.%S.%L000"),
    (rb"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d[,.]\d{3}", "%Y-%m-%d %H:%M:%S,%L"),
    (rb"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d", "%Y-%m-%d %H:%M:%S"),
    (rb"\d{8}-\d?\d:\d?\d:\d?\d:\d{1,3}", "%Y%m%d-%H:%M:%S:%L"),
    (rb"\d\d/\d\d/\d\d \d\d:\d\d:\d\d", "%y/%m/%d %H:%M:%S"),
    (rb"\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}", "%m-%d %H:%M:%S.%L"),
    (rb"\d\d\.\d\d \d\d:\d\d:\d\d", "%m.%d %H:%M:%S"),
    (rb"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}", "%a %b %d %H:%M:%S %Y"),
    (rb"[A-Z][a-z]{2} +\d?\d \d\d:\d\d:\d\d", "%b %d %H:%M:%S"),
    (rb"^\d{6} \d{6}", "%y%m%d %H%M%S"),
    (rb"\b1[0-4]\d{8}\b", "%E"),
]
FIELD = re.compile(b"|".join(b"(%s)" % stamp for stamp, _ in STAMPS) + rb"|(\b[0-9a-f]{8,}\b)|(\d+)")
HEXADECIMAL, DECIMAL = len(STAMPS), len(STAMPS) + 1


class Clock:
    """One moment for all lines, written in each of the forms; moves on by itself."""

    def __init__(self, draw):
        self.draw, self.second = draw, 1_400_000_000
        self.move()

    def move(self):
        self.second += 1
        now = time.gmtime(self.second)
        self.texts = [
            time.strftime(form.replace("%L", "@@@").replace("%E", str(self.second)), now).encode() for _, form in STAMPS
        ]

    def text(self, form):
        text = self.texts[form]
        return text.replace(b"@@@", b"%03d" % self.draw.randrange(1000)) if b"@@@" in text else text


def template(line):
    """A line as literal pieces and fields between them: [(literal, kind, original)], and the last literal."""
    pieces, end = [], 0
    for match in FIELD.finditer(line):
        pieces.append((line[end : match.start()], match.lastindex - 1, match.group()))
        end = match.end()
    return pieces, line[end:]


class Writer:
    def __init__(self, seed):
        self.draw = random.Random(seed)
        self.clock = Clock(self.draw)
        self.recent = {}

    def number(self, original):
        """Most numbers in a log are drawn from few values; they stay. One in six is drawn anew, of the same length."""
        if len(original) < 2 or self.draw.random() > 1 / 6:
            return original
        return str(self.draw.randrange(10 ** (len(original) - 1), 10 ** len(original))).encode()

    def identifier(self, original):
        """An id comes up in several lines: half of them were seen shortly before."""
        recent = self.recent.setdefault(len(original), [])
        if recent and self.draw.random() < 0.5:
            return self.draw.choice(recent)
        made = b"%0*x" % (len(original), self.draw.getrandbits(4 * len(original)))
        recent.append(made)
        del recent[:-20]
        return made

    def line(self, template):
        pieces, last = template
        out = []
        for literal, kind, original in pieces:
            out.append(literal)
            if kind == DECIMAL:
                out.append(self.number(original))
            elif kind == HEXADECIMAL:
                out.append(self.identifier(original))
            else:
                out.append(self.clock.text(kind))
        out.append(last)
        return b"".join(out)

    def lines(self, systems):
        """Endless lines: a run of one system's, in their order, then a run of another's."""
        while True:
            system = self.draw.choice(systems)
            start = self.draw.randrange(len(system))
            for index in range(self.draw.randrange(20, 200)):
                if index % 16 == 0:
                    self.clock.move()
                yield self.line(system[(start + index) % len(system)])


OWN = [
    b"2026-11-21 10:00:00,000 INFO web.access 10.1.2.3 GET /items/4711 200 5123 bytes in 17 ms",
    b"Nov 21 10:00:00 gate sshd[1234]: Accepted publickey for deploy from 10.9.8.7 port 50022 ssh2",
    b"2026-11-21 10:00:00,000 WARN store.cache entry 9f8e7d6c5b4a3210 was evicted after 86400 s, 48213 left",
    b"Nov 21 10:00:00 db3 postgres[911]: duration: 12.345 ms statement: SELECT name FROM item WHERE id = 90210",
    b"2026-11-21 10:00:00,000 ERROR queue.worker job 77312 failed: connection to 10.4.4.4:5672 refused, attempt 3 of 8",
]


def make(output, megabytes, folder=None):
    files = sorted(pathlib.Path(folder).glob("*.log")) if folder else []
    texts = [file.read_bytes().replace(b"\r", b"").split(b"\n") for file in files] or [OWN]
    systems = [[template(line) for line in lines if line] for lines in texts]
    size, chunk = 0, []
    partial = pathlib.Path(f"{output}.partial")
    with partial.open("wb", buffering=1 << 20) as file:
        for line in Writer(seed=1).lines(systems):
            chunk.append(line)
            if len(chunk) == 4096:
                size += file.write(b"\n".join(chunk) + b"\n")
                chunk = []
                if size >= megabytes << 20:
                    break
    partial.rename(output)


if __name__ == "__main__":
    make(sys.argv[1], int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)
