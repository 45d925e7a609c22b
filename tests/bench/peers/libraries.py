"""Peers that are libraries of vectors: nothing durable, no documents, no filters of their own."""

from __future__ import annotations

from pathlib import Path

import numpy
from peer import K, Peer, Record

M = 16
BUILD = 200  # candidates while building


class Library(Peer):
    def pack(self, records: list[Record]):
        return (numpy.array([record.number for record in records], dtype=numpy.int64),
                numpy.stack([record.vector for record in records]))


class Hnswlib(Library):
    name = "hnswlib 0.8"
    without = "in process; vectors only, nothing durable"

    def open(self, folder: Path, sample: numpy.ndarray, records: int) -> None:
        import hnswlib
        self.index = hnswlib.Index("cosine", sample.shape[1])
        self.index.init_index(records, ef_construction=100, M=M)
        self.index.set_num_threads(1)

    def add(self, packed) -> None:
        numbers, vectors = packed
        self.index.add_items(vectors, numbers)

    def search(self, effort: int) -> None:
        self.index.set_ef(effort)

    def query(self, prepared):
        return self.index.knn_query(prepared, K)

    def numbers(self, answer) -> list[int]:
        return answer[0][0].tolist()


class Usearch(Library):
    name = "usearch, int8"
    without = "in process; vectors only, nothing durable"

    def open(self, folder: Path, sample: numpy.ndarray, records: int) -> None:
        from usearch.index import Index
        self.index = Index(ndim=sample.shape[1], metric="cos", dtype="i8", connectivity=M, expansion_add=BUILD)

    def add(self, packed) -> None:
        numbers, vectors = packed
        self.index.add(numbers, vectors, threads=1)

    def search(self, effort: int) -> None:
        self.index.expansion_search = effort

    def query(self, prepared):
        return self.index.search(prepared, K, threads=1)

    def numbers(self, answer) -> list[int]:
        return answer.keys.tolist()


class Faiss(Library):
    name = "faiss HNSW, SQ8"
    without = "in process; vectors only, nothing durable"

    def open(self, folder: Path, sample: numpy.ndarray, records: int) -> None:
        import faiss
        faiss.omp_set_num_threads(1)
        self.index = faiss.IndexHNSWSQ(sample.shape[1], faiss.ScalarQuantizer.QT_8bit, M)
        self.index.hnsw.efConstruction = BUILD
        self.index.train(sample)

    def add(self, packed) -> None:
        self.index.add(packed[1])

    def search(self, effort: int) -> None:
        self.index.hnsw.efSearch = effort

    def prepare(self, query: numpy.ndarray, below: int | None):
        return query.reshape(1, -1)

    def query(self, prepared):
        return self.index.search(prepared, K)

    def numbers(self, answer) -> list[int]:
        return answer[1][0].tolist()


class Svs(Library):
    name = "Intel SVS, LVQ8"
    without = "in process; vectors only, nothing durable, built at once"

    def open(self, folder: Path, sample: numpy.ndarray, records: int) -> None:
        self.folder, self.dimension = folder, sample.shape[1]
        self.pending: list[numpy.ndarray] = []

    def add(self, packed) -> None:
        self.pending.append(packed[1])

    def settle(self) -> None:
        import svs
        path = str(self.folder / "data.fvecs")
        svs.write_vecs(numpy.concatenate(self.pending), path)
        parameters = svs.VamanaBuildParameters(graph_max_degree=32, window_size=BUILD, alpha=0.95)
        loader = svs.LVQLoader(svs.VectorDataLoader(path, svs.DataType.float32, self.dimension),
                               primary=8, residual=0)
        self.index = svs.Vamana.build(parameters, loader, svs.DistanceType.MIP, num_threads=2)
        self.index.num_threads = 1

    def search(self, effort: int) -> None:
        self.index.search_window_size = effort

    def prepare(self, query: numpy.ndarray, below: int | None):
        return query.reshape(1, -1)

    def query(self, prepared):
        return self.index.search(prepared, K)

    def numbers(self, answer) -> list[int]:
        return answer[0][0].tolist()


LIBRARIES = {"hnswlib": Hnswlib, "usearch": Usearch, "faiss": Faiss, "svs": Svs}
