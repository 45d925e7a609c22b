"""The records of the benchmarks as numpy sees them: real texts and their embeddings (texts.py)."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from pathlib import Path

import numpy
import texts

K = 10


class Data:
    """The first `records` of them; documents and metadatas by record, vectors and queries by row."""

    def __init__(self, records: int | None = None, queries: int = 300):
        self.folder: Path = texts.real_texts()
        width = texts.DIMENSION
        whole = numpy.fromfile(self.folder / "vectors.f32", numpy.float32).reshape(-1, width)
        self.vectors = whole[:records]
        self.queries = numpy.fromfile(self.folder / "queries.f32", numpy.float32).reshape(-1, width)[:queries]
        lines = (self.folder / "records.jsonl").read_text().splitlines()[:len(self.vectors)]
        pairs = [line.split("\t", 1) for line in lines]
        self.documents: list[str] = [json.loads(document) for document, _ in pairs]
        self.metadatas: list[dict] = [json.loads(metadata) for _, metadata in pairs]

    def column(self, key: str) -> numpy.ndarray:
        return numpy.array([metadata[key] for metadata in self.metadatas])

    def nearest(self, allowed: numpy.ndarray | None = None) -> list[set[int]]:
        """Of each query: the K nearest records, or those among `allowed` (record numbers)."""
        rows = numpy.arange(len(self.vectors)) if allowed is None else allowed
        scores = self.queries @ self.vectors[rows].T
        return [set(rows[numpy.argsort(-row, kind="stable")[:K]].tolist()) for row in scores]

    def difficulty(self) -> dict:
        """Local intrinsic dimension (maximum likelihood, of the 100 nearest) and contrast (mean over nearest)."""
        distances = numpy.sqrt(numpy.maximum(2 - 2 * self.queries @ self.vectors.T, 1e-12))
        near = numpy.sort(distances, axis=1)[:, :100]
        lid = (near.shape[1] - 1) / numpy.log(near[:, -1:] / near).sum(axis=1)
        return {"local_intrinsic_dimension": float(lid.mean()),
                "contrast": float((distances.mean(axis=1) / near[:, 0]).mean())}

    def word_in(self, share: float) -> str:
        """A word that about this share of the documents contain."""
        counts: Counter[str] = Counter()
        for document in self.documents:
            counts.update(set(re.findall("[a-z]{5,12}", document)))
        wanted = share * len(self.documents)
        for word in sorted(counts, key=lambda word: (abs(counts[word] - wanted), word)):
            found = sum(word in document for document in self.documents)  # within other words, too
            if 0.8 * wanted <= found <= 1.25 * wanted:
                return word
        return word

    def batches(self, size: int):
        """Bodies of requests to add them all."""
        for begin in range(0, len(self.vectors), size):
            numbers = range(begin, min(begin + size, len(self.vectors)))
            yield json.dumps({
                "ids": [f"record-{n}" for n in numbers],
                "embeddings": [base64.b64encode(self.vectors[n].tobytes()).decode() for n in numbers],
                "documents": self.documents[begin:numbers.stop],
                "metadatas": self.metadatas[begin:numbers.stop]}).encode()
