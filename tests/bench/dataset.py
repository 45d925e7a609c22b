"""Generated records for benchmarks: vectors like those of real texts, documents, four keys of metadata."""

from __future__ import annotations

import json
import random

import numpy

DIMENSION = 384
QUERIES = 100


class Data:
    """Vectors in clusters of a few directions each, documents of about 400 bytes, four keys."""

    def __init__(self, records: int, seed: int):
        self.rng = numpy.random.default_rng(seed)
        self.words = random.Random(seed)
        centres = self.rng.normal(size=(max(records // 400, 8), DIMENSION)) / DIMENSION**0.5
        self.dictionary = self.rng.normal(size=(DIMENSION, DIMENSION)) / DIMENSION**0.5
        self.mean = self.rng.normal(size=DIMENSION) / DIMENSION**0.5 * 0.6
        self.centres = centres
        self.spread = 0.45 * (numpy.arange(96) + 1) ** -0.35
        self.chosen = numpy.stack([self.rng.choice(DIMENSION, 96, replace=False) for _ in centres])
        syllables = [a + b for a in "bcdfghklmnprstvw" for b in "aeiou"]
        self.vocabulary = ["".join(self.words.choice(syllables) for _ in range(self.words.randint(1, 4)))
                           for _ in range(8000)]
        self.vectors = self.draw(records)
        self.queries = self.draw(QUERIES)

    def draw(self, count: int):
        at = self.rng.integers(len(self.centres), size=count)
        out = self.centres[at] + self.mean + self.rng.normal(size=(count, DIMENSION)) * 0.18 / DIMENSION**0.5
        weights = self.rng.normal(size=(count, 96)) * self.spread
        for row in range(count):
            out[row] += weights[row] @ self.dictionary[self.chosen[at[row]]]
        return (out / numpy.linalg.norm(out, axis=1, keepdims=True)).astype(numpy.float32)

    def document(self, number: int) -> str:
        text = " ".join(self.vocabulary[int(self.words.paretovariate(0.6)) % 8000] for _ in range(75))[:390]
        for every, token in ((10, " marten s"), (100, " ocelot s"), (1000, " quokka s")):
            if number * 7919 % every == 3:
                text += token
        return text

    def batches(self, size: int):
        for begin in range(0, len(self.vectors), size):
            numbers = range(begin, min(begin + size, len(self.vectors)))
            yield json.dumps({
                "ids": [f"id{n}" for n in numbers],
                "embeddings": [[round(float(x), 7) for x in self.vectors[n]] for n in numbers],
                "documents": [self.document(n) for n in numbers],
                "metadatas": [{"uniform": self.words.randrange(1000), "other": self.words.randrange(1000),
                               "word": f"w{n % 1000}", "real": self.words.random()} for n in numbers],
            }).encode()
