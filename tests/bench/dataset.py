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
# ef_search, or what is like it: tried in this order for a recall.
EFFORTS = (10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 192, 256, 384, 512)


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

    def add_body(self, begin: int, end: int) -> bytes:
        """Of a request that adds records [begin, end)."""
        return json.dumps({
            "ids": [f"record-{number}" for number in range(begin, end)],
            "embeddings": [base64.b64encode(vector.tobytes()).decode() for vector in self.vectors[begin:end]],
            "documents": self.documents[begin:end], "metadatas": self.metadatas[begin:end]}).encode()
