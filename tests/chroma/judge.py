"""What a get or query must answer, worked out in Python from all records of a collection.

The differential test asks the judge where the two servers differ and Chroma's own answer is known
to be unreliable: comparisons of ints with floats, and records its graph search misses.
"""

from __future__ import annotations

import math
import re
import struct


def kind_of(value) -> str:
    if isinstance(value, bool):
        return "bool"
    return "string" if isinstance(value, str) else "number"


def equal(left, right) -> bool:
    return kind_of(left) == kind_of(right) and left == right


ORDER = {"$gt": lambda a, b: a > b, "$gte": lambda a, b: a >= b,
         "$lt": lambda a, b: a < b, "$lte": lambda a, b: a <= b}
NEGATIVE = {"$ne": "$eq", "$nin": "$in", "$not_contains": "$contains", "$not_regex": "$regex"}


def holds(value, operator: str, operand) -> bool:
    """Whether a metadata value (None: the key is missing) passes one test."""
    if operator in NEGATIVE:
        return not holds(value, NEGATIVE[operator], operand)
    if value is None:
        return False
    if operator == "$contains":
        return isinstance(value, list) and any(equal(item, operand) for item in value)
    if isinstance(value, list):
        return False
    if operator == "$in":
        return any(equal(value, item) for item in operand)
    if operator == "$eq":
        return equal(value, operand)
    return kind_of(value) == "number" and ORDER[operator](value, operand)


def document_holds(document: str | None, operator: str, operand: str) -> bool:
    if operator in NEGATIVE:
        return not document_holds(document, NEGATIVE[operator], operand)
    if document is None:
        return False
    if operator == "$contains":
        return operand in document
    return re.search(operand.replace("[[:alpha:]]", "[A-Za-z]"), document) is not None


def passes(row: dict, clause: dict | None, about_documents=False) -> bool:
    if clause is None:
        return True
    (key, test), = clause.items()
    if key == "$and":
        return all(passes(row, child, about_documents) for child in test)
    if key == "$or":
        return any(passes(row, child, about_documents) for child in test)
    if about_documents:
        return document_holds(row["document"], key, test)
    (operator, operand), = (test if isinstance(test, dict) else {"$eq": test}).items()
    if key == "#document":
        return document_holds(row["document"], operator, operand)
    return holds((row["metadata"] or {}).get(key), operator, operand)


def rows_of(listing: dict) -> list[dict]:
    """Rows from a get of everything, in insertion order."""
    columns = zip(listing["ids"], listing["documents"], listing["metadatas"], listing["embeddings"])
    return [{"id": i, "document": d, "metadata": m, "embedding": e} for i, d, m, e in columns]


def chosen(rows: list[dict], body: dict) -> list[dict]:
    ids = body.get("ids")
    return [row for row in rows if (ids is None or row["id"] in ids)
            and passes(row, body.get("where"))
            and passes(row, body.get("where_document"), about_documents=True)]


def got(rows: list[dict], body: dict) -> list[str]:
    """Ids that a get answers."""
    found = [row["id"] for row in chosen(rows, body)]
    begin = body.get("offset") or 0
    limit = body.get("limit")
    return found[begin:] if limit is None else found[begin:begin + limit]


def narrow(number: float) -> float:
    return struct.unpack("<f", struct.pack("<f", number))[0]


def distance(space: str, left: list[float], right: list[float]) -> float:
    if space == "l2":
        return sum((a - b) ** 2 for a, b in zip(left, right))
    product = sum(a * b for a, b in zip(left, right))
    if space == "ip":
        return 1 - product
    lengths = math.sqrt(sum(a * a for a in left)) * math.sqrt(sum(b * b for b in right))
    return 1 - product / lengths if lengths > 1e-30 else 1.0


def nearest(rows: list[dict], body: dict, space: str) -> list[list[float]]:
    """The distances a query answers, per query vector."""
    count = body.get("n_results")
    count = 10 if count is None else count
    found = chosen(rows, body)
    return [sorted(distance(space, [narrow(x) for x in query], row["embedding"])
                   for row in found)[:count] for query in body["query_embeddings"]]
