"""The table of faults: each row is a function of a Ground, registered with the family that it belongs to. A row
makes its fault, does something meanwhile, and says what must have come of it; run.py then checks every
invariant, so that a row need not.
"""

from dataclasses import dataclass
from typing import Callable

from ground import Ground


@dataclass
class Row:
    family: str
    name: str
    run: Callable[[Ground], None]
    records: int = 60
    alone: bool = False  # disturbs the others
    slow: bool = False  # begins before the others, which fill the time that it waits
    long: bool = False  # not in CI
    settles: bool = True  # the world is one in which all can come to an end

    @property
    def title(self) -> str:
        return f"{self.family}: {self.name}"


ROWS: list[Row] = []


def row(family: str, name: str, **more):
    def register(function: Callable[[Ground], None]) -> Callable[[Ground], None]:
        ROWS.append(Row(family, name, function, **more))
        return function
    return register
