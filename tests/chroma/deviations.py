"""Where pannierd answers otherwise than Chroma's server, on purpose.

Each entry mirrors a line of deviations.md. `accepts` sees one case whose answers differ and says
whether this is that deviation; it checks what ours answered, so that nothing else hides behind it.
`repair` brings the two servers' contents back in step.
"""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass
from typing import Callable

import compare
import judge

JSON_DEPTH_MAX = 100                     # deeper than this may be refused


@dataclass
class Case:
    request: object
    oracle: compare.Answer
    subject: compare.Answer
    ask_oracle: Callable                 # (method, path, body) -> Answer
    ask_subject: Callable

    def statuses(self, oracle: int, *subject: int) -> bool:
        return self.oracle.status == oracle and self.subject.status in subject

    def body(self) -> dict:
        return self.request.body if isinstance(self.request.body, dict) else {}

    def rows(self) -> list[dict]:
        """All records of the collection, as Chroma's server lists them."""
        listing = self.ask_oracle("POST", self.request.path.rsplit("/", 1)[0] + "/get", {
            "include": ["documents", "metadatas", "embeddings"]})
        return judge.rows_of(listing.body)


@dataclass(frozen=True)
class Deviation:
    name: str
    accepts: Callable[[Case], bool]
    repair: Callable[[Case], None] | None = None


def ends(case: Case, *routes: str) -> bool:
    return case.request.path.split("?")[0].endswith(routes)


def missing_tenant(case: Case) -> bool:
    return (case.request.kind == "create_database" and case.statuses(200, 404)
            and "/tenants/default_tenant/" not in case.request.path
            and case.subject.error == "NotFoundError")


def drop_database(case: Case) -> None:
    case.ask_oracle("DELETE", f"{case.request.path}/{case.request.body['name']}", None)


def odd_metadata_value(case: Case) -> bool:
    body = case.body()
    return (case.request.kind in ("create", "modify")
            and case.oracle.status in (0, 400, 404, 409) and case.subject.status == 400
            and "arrays" in case.subject.message
            and isinstance(body.get("metadata") or body.get("new_metadata"), dict)
            and case.subject.error == "InvalidArgumentError")


def resource_name(case: Case) -> bool:
    return (case.request.path.startswith("/api/v2/collections/")
            and case.statuses(0, 404, 501))


def name_taken(case: Case) -> bool:
    return (case.request.kind == "modify" and case.statuses(500, 409)
            and isinstance(case.body().get("new_name"), str)
            and case.subject.error == "ChromaError")


def deleted_count(case: Case) -> bool:
    ids = case.body().get("ids")
    return (case.request.kind == "delete" and case.statuses(200, 200) and isinstance(ids, list)
            and case.oracle.body == {"deleted": len(ids)}
            and 0 <= case.subject.body.get("deleted", -1) < len(ids))


def indexing_status(case: Case) -> bool:
    keys = {"op_indexing_progress", "num_unindexed_ops", "num_indexed_ops", "total_ops"}
    return (ends(case, "/indexing_status") and case.statuses(500, 200)
            and case.subject.body.keys() == keys)


def many_ids(case: Case) -> bool:
    return (case.request.kind == "get" and case.statuses(500, 200)
            and "too many SQL variables" in case.oracle.message)


def mixes_numbers(clause, in_list=False) -> bool:
    """Whether a filter holds a number at all: then kinds may mix with what is stored."""
    if isinstance(clause, dict):
        return any(mixes_numbers(item) for item in clause.values())
    if isinstance(clause, list):
        return any(mixes_numbers(item) for item in clause)
    return compare.number(clause)


def mixed_numbers(case: Case) -> bool:
    """Ints against floats in a filter: ours must be what exact comparison gives."""
    body = case.body()
    if not case.statuses(200, 200) or not mixes_numbers(body.get("where")):
        return False
    if case.request.kind == "get":
        return case.subject.body["ids"] == judge.got(case.rows(), body)
    return case.request.kind == "query" and as_judged(case)


def as_judged(case: Case) -> bool:
    """Whether ours are the nearest records that pass the filters."""
    body = copy.deepcopy(case.body())
    want = judge.nearest(case.rows(), body, case.request.space)
    have = case.subject.body["distances"]
    if have is None:
        again = case.ask_subject("POST", case.request.path, {**body, "include": ["distances"]})
        have = again.body["distances"]
    return compare.difference(want, have, loose=True) is None


def missed_record(case: Case) -> bool:
    """Chroma's graph search is approximate; ours of small collections is exact."""
    return case.request.kind == "query" and case.statuses(200, 200) and as_judged(case)


def v1_post(case: Case) -> bool:
    return (case.request.path.startswith("/api/v1") and case.request.method == "POST"
            and case.statuses(405, 410))


def newer_routes(case: Case) -> bool:
    return (ends(case, "/add_input", "/conditional/get", "/conditional/commit")
            and case.statuses(404, 501))


def refused_route(case: Case) -> bool:
    """Search, fork: refused there after a look at path and body; ours refuses at once, or answers."""
    if ends(case, "/fork", "/fork_count", "/search") and case.subject.status == 501:
        return case.oracle.status in (404, 422)
    return ends(case, "/search", "/fork_count") and case.statuses(501, 200)


def foreign_database(case: Case) -> bool:
    """A collection's id under a database that does not own it."""
    return (case.request.kind == "foreign" and case.statuses(200, 404)
            and case.subject.error == "NotFoundError")


def unknown_id_in_query(case: Case) -> bool:
    """Chroma's own tests want these words in an error; that it is a 500 they do not."""
    return (case.request.kind == "query" and case.statuses(500, 404)
            and "Error finding id" in case.oracle.message and "Error finding id" in case.subject.message)


def sparse_vector(case: Case) -> bool:
    """Both refuse, whatever else is wrong with the vector or the request."""
    return '"indices"' in json.dumps(case.body()) and case.oracle.status >= 400 and case.subject.status >= 400


def dropped_connection(case: Case) -> bool:
    """A handler of Chroma's panicked; ours must answer."""
    return case.oracle.status == 0 and case.subject.status != 0


def empty_array_in_schema(case: Case) -> bool:
    """An empty array is stored nowhere, so ours knows no type of it; Chroma's schema says bool."""
    if not case.statuses(200, 200):
        return False
    pruned = without_extra_bools(case.oracle.body, case.subject.body)
    return compare.compare_bodies(case.request, pruned, case.subject.body) is None


def without_extra_bools(left, right):
    """`left` without the bool types of schema keys that `right` does not have."""
    if isinstance(left, list) and isinstance(right, list):
        named = {item["name"]: item for item in right if isinstance(item, dict) and "name" in item}
        return [without_extra_bools(a, named.get(a.get("name"))) if isinstance(a, dict) else a for a in left]
    if not (isinstance(left, dict) and isinstance(right, dict) and left.get("schema") and right.get("schema")):
        return left
    keys, known = {}, right["schema"].get("keys", {})
    for key, types in left["schema"].get("keys", {}).items():
        kept = {name: value for name, value in types.items() if name != "bool" or name in known.get(key, {})}
        if kept or not types:
            keys[key] = kept
    return {**left, "schema": {**left["schema"], "keys": keys}}


def nul_in_document_filter(case: Case) -> bool:
    """Chroma's SQL ends a text at its first NUL, so such a filter matches too much."""
    body = case.body()
    filters = json.dumps([body.get("where"), body.get("where_document")])
    return (case.request.kind == "get" and case.statuses(200, 200) and "\\u0000" in filters
            and case.subject.body["ids"] == judge.got(case.rows(), body))


def is_json(content: bytes) -> bool:
    try:
        json.dumps(json.loads(content), ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return False
    return True


def list_for_object(case: Case) -> bool:
    """Chroma's parser takes a list for an object, item by item, and goes on to the next fault."""
    return (case.oracle.status in (400, 404, 409) and case.subject.status == 422
            and "expected an object" in case.subject.message)


def lengths_first(case: Case) -> bool:
    """Columns of different lengths and a wrong dimension: each server names one of the two."""
    return (case.statuses(400, 400) and "dimension" in case.oracle.message
            and case.subject.message.startswith("Inconsistent number of IDs"))


def not_json_first(case: Case) -> bool:
    """Of two faults in one body, ours names the broken JSON; Chroma's parser the one it meets."""
    content = case.request.raw or b""
    nested = content.count(b"[") > JSON_DEPTH_MAX
    return (bool(content) and case.oracle.status in (404, 422) and case.subject.status == 400
            and case.subject.message.startswith("Failed to parse the request body as JSON")
            and (nested or not is_json(content)))


def infinite_query(case: Case) -> bool:
    """Ours refuses what has no distance; Chroma answers null, or looks at the dimension first."""
    return (case.request.kind == "query" and case.oracle.status in (200, 400)
            and case.subject.status == 400 and "NaN or Infinity" in case.subject.message
            and not re.search("1e-", json.dumps(case.body().get("query_embeddings"))))


def word_of_wrong_kind(case: Case) -> bool:
    """Where one of a few words is due, a value that is no string: ours says 422, wrong shape."""
    return (case.statuses(400, 422) and "expected value" in case.oracle.message
            and is_json(case.request.content() or b""))


def bare(value):
    """`value` with empty metadata as null."""
    if isinstance(value, list):
        return [bare(item) for item in value]
    return None if value == {} else value


def metadata_of_uri(case: Case) -> bool:
    """A record with a URI and no metadata: {} there, null in ours."""
    left, right = case.oracle.body, case.subject.body
    if case.request.kind not in ("get", "query") or not case.statuses(200, 200):
        return False
    if difference := compare.compare_bodies(
            case.request, {**left, "metadatas": bare(left["metadatas"])},
            {**right, "metadatas": bare(right["metadatas"])}):
        return case.request.kind == "query" and "distances" in difference and as_judged(case)
    return True


def nothing_on_disk(case: Case) -> bool:
    unknown_id = case.subject.status == 404 and "Error finding id" in case.subject.message
    return (case.request.kind in ("get", "query") and "Nothing found on disk" in case.oracle.message
            and (case.statuses(500, 200) or (case.oracle.status == 500 and unknown_id)))


def base64_query(case: Case) -> bool:
    """Query vectors may come as those of writes do; what is wrong with them is told as there."""
    queries = case.body().get("query_embeddings")
    return (case.request.kind == "query" and case.statuses(422, 200, 400, 404)
            and isinstance(queries, list) and len(queries) > 0
            and all(isinstance(query, str) for query in queries))


def batch_size(case: Case) -> bool:
    """The announced batch size is ours to choose."""
    body = case.subject.body
    return (ends(case, "/pre-flight-checks") and case.statuses(200, 200)
            and body.keys() == case.oracle.body.keys() and body["max_batch_size"] >= 100
            and body["supports_base64_encoding"] is True)


DEVIATIONS = [
    Deviation("base64-query", base64_query),
    Deviation("database-of-missing-tenant", missing_tenant, drop_database),
    Deviation("odd-collection-metadata", odd_metadata_value),
    Deviation("resource-name", resource_name),
    Deviation("rename-to-taken-name", name_taken),
    Deviation("deleted-count", deleted_count),
    Deviation("indexing-status", indexing_status),
    Deviation("many-ids", many_ids),
    Deviation("mixed-numbers", mixed_numbers),
    Deviation("missed-record", missed_record),
    Deviation("v1-post", v1_post),
    Deviation("newer-routes", newer_routes),
    Deviation("refused-routes", refused_route),
    Deviation("foreign-database", foreign_database),
    Deviation("unknown-id-in-query", unknown_id_in_query),
    Deviation("sparse-vector", sparse_vector),
    Deviation("dropped-connection", dropped_connection),
    Deviation("empty-array-in-schema", empty_array_in_schema),
    Deviation("nul-in-document-filter", nul_in_document_filter),
    Deviation("not-json-first", not_json_first),
    Deviation("list-for-object", list_for_object),
    Deviation("lengths-first", lengths_first),
    Deviation("infinite-query", infinite_query),
    Deviation("word-of-wrong-kind", word_of_wrong_kind),
    Deviation("metadata-of-uri", metadata_of_uri),
    Deviation("nothing-on-disk", nothing_on_disk),
    Deviation("batch-size", batch_size),
]


def find(case: Case) -> Deviation | None:
    for deviation in DEVIATIONS:
        try:
            if deviation.accepts(case):
                return deviation
        except (KeyError, TypeError, ValueError, AttributeError):
            continue                     # the answer has another shape than the deviation's
    return None
