"""The database name of a store: readable, legal for Chroma, and different for different stores."""

from __future__ import annotations

import hashlib

from pannier import errors

NAME_BYTES_MAX = 512
PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")
DIGEST_DIGITS = 32


def store_name(file_id: str, embedding_type: str) -> str:
    """`fs.FILE.-TYPE.z`: letters, digits and `-` stay, all else is `_` and two hexadecimal digits for
    each byte, so that `.-` stands between the two and nowhere else. What would be too long ends in
    a digest instead."""
    if not file_id or not embedding_type:
        raise errors.ConfigurationError(
            f"no store has the name {(file_id, embedding_type)!r}", "a name that is not empty"
        )
    name = f"fs.{_escaped(file_id)}.-{_escaped(embedding_type)}.z"
    if len(name) <= NAME_BYTES_MAX:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:DIGEST_DIGITS]
    return f"{name[:NAME_BYTES_MAX - DIGEST_DIGITS - 3]}-{digest}.h"


def _escaped(text: str) -> str:
    return "".join(
        c if c in PLAIN else "".join(f"_{byte:02x}" for byte in c.encode("utf-8", "surrogatepass"))
        for c in text
    )
