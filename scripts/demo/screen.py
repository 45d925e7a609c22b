"""The demo's output: short headings, aligned columns, times."""

from __future__ import annotations

import contextlib
import shutil
import sys
import time

COLOUR = sys.stdout.isatty()
WIDTH = min(110, shutil.get_terminal_size((100, 24)).columns)


def paint(text: str, code: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if COLOUR else text


def heading(text: str) -> None:
    print(f"\n{paint(text, '1')}", flush=True)


def line(text: str = "", seconds: float | None = None) -> None:
    """One indented line; a time goes to the right edge."""
    text = f"  {text}"
    if seconds is not None:
        took = f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"
        text = f"{text:<{WIDTH - 12}}{took:>12}"
    print(text, flush=True)


def rows(table: list[tuple], indent="    ") -> None:
    """Columns as wide as their widest cell; numbers to the right; the last one is cut to fit."""
    cells = [[f"{cell:.3f}" if isinstance(cell, float) else
              f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in table]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    for row, original in zip(cells, table):
        parts = [f"{cell:>{width}}" if isinstance(value, (int, float)) else f"{cell:<{width}}"
                 for cell, width, value in zip(row, widths, original)]
        print((indent + "  ".join(parts)).rstrip()[:WIDTH], flush=True)


@contextlib.contextmanager
def step(text: str):
    """Prints the text with the time its block took; the block may append to what is yielded."""
    began, more = time.monotonic(), []
    yield more
    line("".join([text, *more]), time.monotonic() - began)


class Checks:
    """What must hold for exit code 0."""

    def __init__(self):
        self.failed: list[str] = []

    def expect(self, holds: bool, text: str) -> None:
        print(f"  {paint('ok', '32') if holds else paint('FAILED', '31')}  {text}", flush=True)
        if not holds:
            self.failed.append(text)
