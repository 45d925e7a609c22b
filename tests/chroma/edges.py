"""Requests at the API's known borders, sent once at the start of every differential run."""

from __future__ import annotations

from generator import DATABASE, TENANT, Request

PAYLOAD_MAX_BYTES = 40 * 1024 * 1024
MORE_THAN_SQL_TAKES = 33_000
BASE = f"/api/v2/tenants/{TENANT}/databases/{DATABASE}"
PATH = BASE + "/collections/{c:edge}"


def too_large() -> bytes:
    return b'{"ids": ["' + b"x" * PAYLOAD_MAX_BYTES + b'"], "embeddings": [[1, 2]]}'


def record(kind: str, body) -> Request:
    return Request(kind, "POST", f"{PATH}/{kind}", body, label="edge")


def payloads() -> list[Request]:
    content = too_large()
    posts = [f"{PATH}/{route}" for route in ("add", "update", "upsert", "query", "get", "delete")]
    posts += [f"{BASE}/collections", "/api/v2/tenants", f"/api/v2/tenants/{TENANT}/databases"]
    return [Request("large", "POST", path, raw=content) for path in posts] + [
        Request("large", "PUT", PATH, raw=content)]


def many() -> list[Request]:
    names = [f"i{n}" for n in range(MORE_THAN_SQL_TAKES)]
    return [
        record("get", {"ids": [*names, "a"]}),
        record("get", {"where": {"s": {"$in": [*names, "x"]}}}),
        record("get", {"where": {"s": {"$nin": [*names, "x"]}}}),
        record("add", {"ids": names[:6000], "embeddings": [[n, 1] for n in range(6000)]}),
        Request("count", "GET", f"{PATH}/count"),
        record("get", {"limit": 3, "offset": 5990, "include": []}),
        record("query", {"query_embeddings": [[4321.2, 1]], "n_results": 1}),
        record("delete", {"ids": names[:6000]}),
        Request("count", "GET", f"{PATH}/count"),
    ]


def values() -> list[Request]:
    ids = ["\u0000", "x" * 5000, "\U0010ffff", " ", "é", "e\u0301"]
    numbers = {"big": 2**63 - 1, "small": -(2**63), "over": 2**63, "one": 1.0, "zero": -0.0,
               "tiny": 5e-324, "huge": 1.7976931348623157e308, "exact": 2**53 + 1}
    return [
        record("add", {"ids": ids, "embeddings": [[n, 0] for n in range(6)],
                       "documents": [*ids], "metadatas": [numbers] + [None] * 5}),
        record("get", {"ids": ids, "include": ["documents", "metadatas", "embeddings"]}),
        record("get", {"where": {"exact": 2**53 + 1}}),
        record("get", {"where": {"exact": 2**53}}),
        record("get", {"where": {"big": {"$gte": 2**63 - 1}}}),
        record("get", {"where_document": {"$contains": "\u0000"}}),
        record("delete", {"ids": ids}),
    ]


def schema_and_configuration() -> list[Request]:
    """A default schema beside a configuration: what the Python client sends for both."""
    default = {"name": "default", "type": "known", "config": {}}
    vector = {"embedding_function": default, "space": "l2"}
    switches = {kind: {f"{kind}_inverted_index": {"enabled": True, "config": {}}}
                for kind in ("string", "int", "float", "bool")}
    switches["float_list"] = {"vector_index": {"enabled": False, "config": vector}}
    keys = {"#embedding": {"float_list": {"vector_index": {
        "enabled": True, "config": {**vector, "source_key": "#document"}}}}}
    ours = {"name": "ours", "type": "known", "config": {"dim": 5}}
    return [Request("create", "POST", f"{BASE}/collections", {
        "name": f"both-{number}", "schema": {"defaults": switches, "keys": keys},
        "configuration": configuration}) for number, configuration in enumerate((
            None, {"embedding_function": ours}, {"hnsw": {"space": "cosine"}},
            {"hnsw": {"space": "cosine"}, "embedding_function": ours}))]


def paths() -> list[Request]:
    return [Request("odd_path", method, path) for method, path in (
        ("POST", "/api/v1/collections"), ("GET", "/api/v1/heartbeat"), ("DELETE", "/api/v1/x"),
        ("HEAD", "/api/v2/heartbeat"), ("HEAD", f"{BASE}/collections"), ("GET", f"{BASE}/collections/"),
        ("OPTIONS", f"{BASE}/collections"), ("GET", "/api/v2/collections/a:b"),
        ("GET", "/api/v2/collections/a:b:c"), ("GET", "/"))]


def edge_cases() -> list[Request]:
    first = {"ids": ["a", "b"], "embeddings": [[1, 2], [3, 4]], "metadatas": [{"s": "x"}, None]}
    return [
        Request("create", "POST", f"{BASE}/collections", {"name": "edge"}, binds="edge"),
        record("add", first), *paths(), *schema_and_configuration(), *values(),
        Request("get", "POST", f"{PATH}/get", raw=b'{"limit": 1e400}'),
        Request("add", "POST", f"{PATH}/add", raw=b'{"ids": ["e"], "embeddings": [[1e400, 1]]}'),
        *many(), *payloads(),
        record("get", {"include": ["metadatas"]}),
    ]


def fits(request: Request) -> bool:
    """Whether a request is short enough to be printed whole."""
    return len(request.content() or b"") < 4000


def described(request: Request) -> str:
    if fits(request):
        return str(request)
    start = request.content()[:100].decode("utf-8", "replace")
    return f"{request.method} {request.path} {start}… ({len(request.content()):,} bytes)"
