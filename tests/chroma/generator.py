"""Random requests of the Chroma API, valid and not, for the differential test.

An epoch is a list of requests meant for two empty servers. It depends on its seed alone, never on
answers: a collection is named by a label, `{c:LABEL}` in a path, that the runner replaces by the
id each server gave it. So any part of an epoch can be sent again, which is how it is made smaller.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from urllib.parse import quote

from values import BAD_NAMES, EDGE_NAMES, NAMES, SPACES, WRONG, Values

TENANT = "default_tenant"
DATABASE = "default_database"
UNKNOWN_ID = "11111111-2222-4333-8444-555555555555"
ABSENT = object()


@dataclass
class Request:
    kind: str                                # the route's short name, for statistics
    method: str
    path: str                                # may hold {c:LABEL}
    body: object = ABSENT                    # a JSON value, unless `raw` is given
    raw: bytes | None = None
    headers: dict = field(default_factory=lambda: {"content-type": "application/json"})
    binds: str | None = None                 # label for the id in a successful answer
    label: str | None = None                 # the collection it is about
    space: str = "l2"                        # that collection's distance
    chunked: bool = False                    # the body goes in chunks, without a length

    def content(self) -> bytes | None:
        if self.raw is not None:
            return self.raw
        return None if self.body is ABSENT else json.dumps(self.body).encode()

    def __str__(self) -> str:
        content = self.content()
        shown = "" if content is None else " " + content.decode("utf-8", "backslashreplace")
        other = {k: v for k, v in self.headers.items() if v != "application/json"}
        more = (f"   headers {other}" if other else "") + ("   chunked" if self.chunked else "")
        return f"{self.method} {self.path}{shown}{more}"


@dataclass
class Collection:
    label: str
    name: str
    dimension: int
    space: str
    base: str                                # path of its database
    alive: bool = True

    @property
    def path(self) -> str:
        return f"{self.base}/collections/{{c:{self.label}}}"


class Epoch(Values):
    """Makes one epoch; requests are in `requests`."""

    def __init__(self, seed: int, length: int):
        super().__init__(seed)
        self.requests: list[Request] = []
        self.collections: list[Collection] = []
        self.databases = [f"/api/v2/tenants/{TENANT}/databases/{DATABASE}"]
        self.tenants = [TENANT]
        self.serial = 0
        for _ in range(self.r.randint(1, 3)):
            self.create_valid()
        while len(self.requests) < length:
            self.step()

    # --- the list of requests

    def send(self, kind, method, path, body=ABSENT, **more) -> Request:
        request = Request(kind, method, path, body, **more)
        self.requests.append(request)
        return request

    def living(self) -> list[Collection]:
        return [c for c in self.collections if c.alive]

    def step(self) -> None:
        roll = self.r.random()
        if not self.living():
            self.create_valid()
        elif roll < 0.70:
            self.record_route()
        elif roll < 0.88:
            self.pick([self.create_any, self.create_any, self.modify, self.read_collection,
                       self.read_collection, self.drop, self.list_collections, self.create_valid])()
        elif roll < 0.94:
            self.pick([self.tenant, self.database, self.database])()
        else:
            self.pick([self.system, self.odd_path, self.wrong_method, self.refused, self.foreign])()

    # --- record routes

    def record_route(self) -> None:
        target = self.pick(self.living())
        route = self.pick(["add", "add", "add", "update", "upsert", "upsert", "delete", "count",
                           "get", "get", "get", "get", "query", "query", "query"])
        path = target.path
        if self.chance(0.02):
            path = self.odd_id_path(target)
        about = {"label": target.label, "space": target.space}
        if route == "count":
            level = self.pick(["", "", "?read_level=index_only", "?read_level=index_and_wal",
                               "?read_level=index_and_bounded_wal", "?read_level=x", "?read_level="])
            self.send("count", "GET", f"{path}/count{level}", **about)
            return
        body = getattr(self, f"{route}_body")(target)
        self.finish(self.send(route, "POST", f"{path}/{route}", body, **about))

    def odd_id_path(self, target: Collection) -> str:
        return target.base + "/collections/" + self.pick([
            UNKNOWN_ID, "not-a-uuid", target.name, "00000000-0000-0000-0000-000000000000", "1",
            UNKNOWN_ID.upper(), UNKNOWN_ID.replace("-", ""), "%20", UNKNOWN_ID[:-1], "é".encode().hex()])

    def columns(self, body: dict, count: int, nulls: float) -> None:
        for name, make in (("documents", lambda: self.text()), ("uris", lambda: "file:" + self.text()),
                           ("metadatas", lambda: self.metadata(nulls))):
            if self.chance(0.7 if name != "uris" else 0.2):
                items = [None if self.chance(0.15) else make() for _ in range(count)]
                if self.chance(0.04):
                    items = self.pick([items[:-1], items + [None], [], items + items, None])
                body[name] = items
        if body.get("metadatas") and self.chance(0.07):
            body["metadatas"][self.r.randrange(len(body["metadatas"]))] = self.bad_metadata()

    def add_body(self, target: Collection, nulls=0.03) -> dict:
        ids = self.record_ids(self.r.randint(0 if self.chance(.1) else 1, 5))
        body = {"ids": ids, "embeddings": self.vectors(len(ids), target.dimension)}
        self.columns(body, len(ids), nulls)
        if ids and self.chance(0.05):
            body["embeddings"][self.r.randrange(len(ids))] = self.bad_vector(target.dimension)
        if ids and self.chance(0.04):
            ids[self.r.randrange(len(ids))] = self.pick(["", 5, None, ids[0], ["r1"]])
        if self.chance(0.03):
            body["embeddings"] = self.pick([None, [], "x", body["embeddings"][:-1], [[]], [None]])
        return body

    def upsert_body(self, target: Collection) -> dict:
        return self.add_body(target, nulls=0.3)

    def update_body(self, target: Collection) -> dict:
        body = self.add_body(target, nulls=0.3)
        roll = self.r.random()
        if roll < 0.3:
            body.pop("embeddings")
        elif roll < 0.4:
            body["embeddings"] = None
        elif roll < 0.6 and isinstance(body["embeddings"], list):
            body["embeddings"] = [None if self.chance(0.5) else v for v in body["embeddings"]]
        return body

    def delete_body(self, target: Collection) -> dict:
        body: dict = {}
        roll = self.r.random()
        if roll < 0.5:
            body["ids"] = self.record_ids(self.r.randint(0, 3))
        if roll > 0.4:
            # Not numbers of mixed kinds: the two servers' contents would part ways.
            body["where"] = self.pick([
                {"s1": self.text()}, {"b1": True}, {"i1": {"$gt": 5}}, {"missing": {"$ne": 1}},
                {"$and": [{"i1": {"$lt": 3}}, {"b1": {"$ne": True}}]}, None, self.bad_where()])
        if self.chance(0.2):
            test = self.pick([self.where_document(), self.bad_where_document()])
            if "\\u0000" not in json.dumps(test):     # it matches too much there, and would go
                body["where_document"] = test
        if self.chance(0.25):
            body["limit"] = self.pick([0, 1, 2, 100, -1, None, 1.5, 2**32])
        return body

    def get_body(self, target: Collection) -> dict:
        body: dict = {}
        self.filters(body)
        self.include(body)
        for name in ("limit", "offset"):
            if self.chance(0.25):
                body[name] = self.pick([0, 1, 2, 3, 5, 100, 2**32 - 1, None] + (
                    [-1, 1.5, "1", 2**32, True] if self.chance(0.15) else []))
        return body

    def query_body(self, target: Collection) -> dict:
        queries = [self.vector(target.dimension) for _ in range(self.pick([1, 1, 1, 2, 3, 0]))]
        body: dict = {"query_embeddings": queries}
        self.filters(body)
        self.include(body)
        if self.chance(0.7):
            body["n_results"] = self.pick([1, 2, 3, 5, 20, 0, None, 1000])
            if self.chance(0.06):
                body["n_results"] = self.pick([-1, 1.5, "1", 2**32, [1]])
        if queries and self.chance(0.06):
            queries[0] = self.bad_vector(target.dimension)
        return body

    # --- collections

    def base(self) -> str:
        return self.pick(self.databases) if self.chance(0.9) else self.pick([
            f"/api/v2/tenants/{TENANT}/databases/nowhere", f"/api/v2/tenants/{TENANT}/databases/ab",
            f"/api/v2/tenants/nobody/databases/{DATABASE}"])

    def create_valid(self) -> None:
        self.serial += 1
        label, space = f"k{self.serial}", self.pick(SPACES)
        name = f"{self.pick(NAMES[:5])}-{self.serial}"
        base = self.pick(self.databases)
        body: dict = {"name": name}
        style = self.r.random()
        if style < 0.4:
            body["configuration"] = {"hnsw": {"space": space}}
        elif style < 0.6:
            body["metadata"] = {"hnsw:space": space, **self.collection_metadata()}
        elif style < 0.7:
            body["configuration"] = {"spann": {"space": space}}
        else:
            space = "l2"
        if self.chance(0.2):
            body["get_or_create"] = self.chance(0.5)
        self.send("create", "POST", f"{base}/collections", body, binds=label)
        self.collections.append(Collection(label, name, self.r.randint(1, 4), space, base))

    def collection_metadata(self) -> dict:
        return {key: self.scalar(key[0]) for key in self.some(["s1", "i1", "f1", "b1"], 3)}

    def hnsw(self, creating: bool) -> dict:
        space = {"space": ["l2", "cosine", "ip", "euclid", 5, None], "ef_construction": [100, 7, 0]}
        pools = {**(space if creating or self.chance(0.1) else {}),
                 "ef_search": [10, 100, 0, -1, 1.5, None], "max_neighbors": [4, 16, None],
                 "num_threads": [1, 3], "resize_factor": [1.2, 2, 1, -1.0, "x"],
                 "sync_threshold": [1000, 2, 5, -1], "batch_size": [100, 2, 7],
                 **({"bogus": [1]} if self.chance(0.08) else {})}
        good = self.chance(0.75)
        return {key: pools[key][0] if good else self.pick(pools[key])
                for key in self.some(pools, 4)}

    def embedding_function(self):
        return self.pick([
            None, {"type": "legacy"}, {"type": "unknown"},
            {"type": "known", "name": "default", "config": {}},
            {"type": "known", "name": "ours", "config": {"a": [1, 2.0, None, {"é": "x"}]}},
            {"type": "known", "name": "x"}, {"type": "other"}, {}, "default"])

    def configuration(self, creating=True):
        found: dict = {}
        if self.chance(0.7):
            found["hnsw"] = self.hnsw(creating) if self.chance(0.9) else None
        if self.chance(0.2):
            found["spann"] = self.pick([None, {}, {"space": "cosine"}, {"search_nprobe": 64},
                                        {"bogus": 1}, {"space": "l2", "ef_search": 50}])
        if self.chance(0.3):
            found["embedding_function"] = self.embedding_function()
        if self.chance(0.05):
            found["other"] = 1
        return found

    def vector_schema(self):
        return {"float_list": {"vector_index": {
            "enabled": self.chance(0.9), "config": {
                "space": self.pick(SPACES),
                **({"hnsw": {"ef_search": 33, "max_neighbors": 8}} if self.chance(0.5) else {}),
                **({"source_key": self.pick(["#document", "s1"])} if self.chance(0.3) else {}),
                **({"embedding_function": self.embedding_function()} if self.chance(.3) else {})}}}}

    def schema(self):
        switch = {"enabled": self.chance(0.4), "config": {}}
        keys = self.pick([
            {}, {"#embedding": self.vector_schema()}, {"#embedding": self.vector_schema()},
            {"s1": {"string": {"string_inverted_index": switch}}},
            {"i1": {"int": {"int_inverted_index": switch}},
             "f1": {"float": {"float_inverted_index": switch}}},
            {"b1": {"bool": {"bool_inverted_index": switch}}},
            {"#document": {"string": {"fts_index": switch}}},
            {"s1": {"string": {"fts_index": switch}}}, {"#other": {"string": {}}},
            {"s1": self.vector_schema()}, {"s1": {"bogus": {}}}, {"s1": {}}, {"": {"string": {}}},
            {"v": {"sparse_vector": {"sparse_vector_index": switch}}}])
        defaults = self.pick([
            {}, {}, {"string": {"string_inverted_index": switch}},
            {"int": {"int_inverted_index": switch}}, {"string": {"fts_index": switch}},
            {"float_list": {"vector_index": switch}}, self.vector_schema(), {"bogus": 1}, None])
        found = {"defaults": defaults, self.pick(["keys", "keys", "keys", "key_overrides"]): keys}
        if self.chance(0.05):
            found.pop("defaults")
        if self.chance(0.05):
            found["cmek"] = self.pick([None, "x", {}])
        return found

    def create_any(self) -> None:
        self.serial += 1
        taken = [c.name for c in self.collections]
        name = self.pick(NAMES + EDGE_NAMES + BAD_NAMES + taken + taken)
        if self.chance(0.5):
            name = f"new-{self.serial}"
        body: dict = {"name": name}
        if self.chance(0.4):
            legacy = {"hnsw:space": "ip", "hnsw:M": 8, "hnsw:search_ef": 20, "hnsw:batch_size": 50,
                      "hnsw:construction_ef": 30, "hnsw:sync_threshold": 500, "hnsw:bogus": 1,
                      "hnsw:num_threads": 2, "hnsw:resize_factor": 1.5}
            body["metadata"] = self.pick([None, {}, self.collection_metadata(), {"a": None},
                                          {"#a": 1}, {"": 1}, {"$x": 1}, {"a": {}}, [], {"a": [1]},
                                          {k: legacy[k] for k in self.some(legacy, 3)},
                                          {self.pick(list(legacy)): self.pick(["x", -1, 1.5, True])}])
        if self.chance(0.5):
            body["configuration"] = self.configuration() if self.chance(0.95) else self.pick(WRONG)
        if self.chance(0.3):
            body["schema"] = self.schema() if self.chance(0.95) else self.pick(WRONG)
        if self.chance(0.3):
            body["get_or_create"] = self.pick([True, True, False, None, 1, "x"])
        label = f"k{self.serial}"
        base = self.base()
        self.finish(self.send("create", "POST", f"{base}/collections", body, binds=label))
        if self.chance(0.5):
            self.collections.append(Collection(label, name, self.r.randint(1, 4), "l2", base))

    def modify(self) -> None:
        target = self.pick(self.living())
        body: dict = {}
        if self.chance(0.4):
            taken = [c.name for c in self.collections]
            body["new_name"] = self.pick(NAMES + BAD_NAMES + taken + [None, 5, target.name])
        if self.chance(0.5):
            body["new_metadata"] = self.pick([
                None, {}, self.collection_metadata() or {"x": 1}, {"a": None}, {"a": None, "b": 1},
                {"#a": 1}, {"a": {}}, {"hnsw:space": "ip"}, {"hnsw:M": "x"}, "x", {"a": 2.0}])
        if self.chance(0.5):
            body["new_configuration"] = self.configuration(creating=False)
        path = self.odd_id_path(target) if self.chance(0.08) else target.path
        self.finish(self.send("modify", "PUT", path, body, label=target.label))

    def read_collection(self) -> None:
        target = self.pick(self.collections)
        name = target.name if self.chance(0.7) else self.pick(NAMES + ["nothing", "%20", "a%2Fb"])
        roll = self.r.random()
        if roll < 0.55:
            safe = name if "%" in name else quote(name, safe="") or "x"
            self.send("get_collection", "GET", f"{target.base}/collections/{safe}")
        elif roll < 0.75:
            which = f"{{c:{target.label}}}" if self.chance(0.8) else self.pick([UNKNOWN_ID, "x"])
            self.send("by_id", "GET", f"{target.base}/collections/by-id/{which}")
        elif roll < 0.85:
            self.send("by_crn", "GET", "/api/v2/collections/" + self.pick(
                ["a:b:c", "a", "a:b", "a:b:c:d", "::", f"{TENANT}:{DATABASE}:{target.label}"]))
        else:
            self.send("count_collections", "GET", f"{self.base()}/collections_count")

    def drop(self) -> None:
        target = self.pick(self.living())
        if self.arrays or not self.chance(0.4):
            name = self.pick(["nothing", "ab", UNKNOWN_ID, f"{{c:{target.label}}}"])
            self.send("drop", "DELETE", f"{target.base}/collections/{name}")
            return
        self.send("drop", "DELETE", f"{target.base}/collections/{quote(target.name, safe='')}")
        target.alive = self.chance(0.3)      # sometimes go on with what is gone

    def page(self) -> str:
        if self.chance(0.6):
            return ""
        values = ["0", "1", "2", "100", "-1", "x", "", "1.5", "4294967295", "4294967296", "%31"]
        parts = [f"{name}={self.pick(values)}" for name in self.some(["limit", "offset", "other"])]
        return "?" + "&".join(parts) if parts else ""

    def list_collections(self) -> None:
        self.send("list_collections", "GET", f"{self.base()}/collections{self.page()}")

    # --- tenants, databases, the rest

    def tenant(self) -> None:
        name = self.pick([TENANT, "acme", "Acme", "ab", "", "a", "é", "日", "a b c", "x/y", "t..t"])
        roll = self.r.random()
        if roll < 0.5:
            body = {"name": name if self.chance(0.85) else self.pick(WRONG)}
            self.finish(self.send("create_tenant", "POST", "/api/v2/tenants", body))
        elif roll < 0.8:
            self.send("get_tenant", "GET", f"/api/v2/tenants/{self.pick(['acme', TENANT, 'x', 'ab'])}")
        else:
            body = {"resource_name": self.pick(["r1", "", None, 5, "a b"])}
            self.finish(self.send("patch_tenant", "PATCH", "/api/v2/tenants/" + self.pick(
                [TENANT, "nobody", "acme"]), body))

    def database(self) -> None:
        tenant = self.pick([TENANT, TENANT, TENANT, "nobody"])
        base = f"/api/v2/tenants/{tenant}/databases"
        name = self.pick(["second", "third", DATABASE, "Third"])
        roll = self.r.random()
        if roll < 0.45:
            any_name = name if self.chance(0.6) else self.pick(BAD_NAMES + EDGE_NAMES + [5, None])
            self.finish(self.send("create_database", "POST", base, {"name": any_name}))
            if tenant == TENANT and any_name in ("second", "third") and self.chance(0.5):
                self.databases.append(f"{base}/{any_name}")
        elif roll < 0.65:
            self.send("get_database", "GET", f"{base}/{self.pick([name, 'nowhere', 'ab', '%20'])}")
        elif roll < 0.85:
            self.send("list_databases", "GET", base + self.page())
        elif not self.arrays:
            self.send("delete_database", "DELETE", f"{base}/{self.pick(['second', 'third', 'ab', 'no'])}")

    def system(self) -> None:
        path = self.pick(["", "/heartbeat", "/healthcheck", "/version", "/pre-flight-checks",
                          "/auth/identity"])
        self.send("system", self.pick(["GET", "GET", "GET", "HEAD"]), "/api/v2" + path)

    def odd_path(self) -> None:
        base = self.databases[0]
        path = self.pick(["/", "/api", "/api/v2/", "/api/v3", "/api/v2/heartbeat/", "/api/v2/nothing",
                          "/api/v2//heartbeat", base + "/", base + "/collections/", base + "/other",
                          base + "/collections/x/y/z", base + f"/collections/{UNKNOWN_ID}/get/",
                          "/api/v2/tenants/%ff", "/api/v2/tenants/%zz", "/api/v2/tenants/a%00b",
                          "/api/v2/heartbeat?x=1", "/api/v2/HEARTBEAT", "/api/v2/tenants/a%2Fb"])
        self.send("odd_path", self.pick(["GET", "POST", "DELETE"]), path)

    def wrong_method(self) -> None:
        target = self.pick(self.collections)
        path = self.pick(["/api/v2/heartbeat", "/api/v2/reset", "/api/v2/tenants",
                          f"/api/v2/tenants/{TENANT}", target.base, target.base + "/collections",
                          target.path, target.path + "/add", target.path + "/get",
                          target.path + "/count", "/api/v1/collections", "/api/v1"])
        methods = ["PATCH", "PUT", "OPTIONS", "HEAD"] + (["GET"] if not path.endswith("reset") else [])
        request = self.send("wrong_method", self.pick(methods), path, {})
        if request.method in ("HEAD", "GET"):
            request.body = ABSENT

    def foreign(self) -> None:
        """A collection's id under a database that is not its own."""
        target = self.pick(self.living())
        base = self.pick([f"/api/v2/tenants/{TENANT}/databases/nowhere",
                          f"/api/v2/tenants/nobody/databases/{DATABASE}"])
        self.send("foreign", "GET", f"{base}/collections/{{c:{target.label}}}/count")

    def refused(self) -> None:
        target = self.pick(self.living())
        route, method, body = self.pick([
            ("search", "POST", {"searches": []}), ("fork", "POST", {"new_name": "forked"}),
            ("fork_count", "GET", ABSENT), ("indexing_status", "GET", ABSENT),
            ("functions/attach", "POST", {"name": "f", "function_id": "g", "output_collection": "o"}),
            ("attached_functions/f/detach", "POST", {"delete_output": True}),
            ("functions/f", "GET", ABSENT), ("attached_functions/f/add_input", "POST", {}),
            ("conditional/get", "POST", {}), ("conditional/commit", "POST", {"operations": []})])
        self.send("refused", method, f"{target.path}/{route}", body, label=target.label)
