"""Vectors of texts, made on this machine: static word embeddings, whose weights are in their package.

    pip install wordllama
"""

from functools import lru_cache
from pathlib import Path

import wordllama

NAME = "wordllama"


@lru_cache(maxsize=1)
def _model():
    return wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)


def embed(texts):
    """One vector for each text. Threads: any."""
    return _model().embed(list(texts), norm=True).tolist()
