"""Random values of the Chroma API: texts, metadata, vectors, filters; and ways to spoil a body."""

from __future__ import annotations

import base64
import copy
import json
import random
import struct

NAMES = ["abc", "docs", "Docs", "my.docs-1_x", "a1b", "zzz", "x" * 60]
BAD_NAMES = ["", "a", "ab", "a..b", "1.2.3.4", "-abc", "abc-", "_abc", "a b c", "naïve", "名前です",
             "x" * 513, "../x", "a/b", "::1", "a+b", "+abc", "abc+", "a+b+c", "a\u0000c", "abc\n"]
EDGE_NAMES = ["x" * 512, "1.2.3", "999.999.1.1", "1.2.3.4.5", "abc+def", "0x7f", "a.b"]
WORDS = ["red", "green", "blue", "apple", "Apple", "pie", "x", "the", "100%", "a_b", "back\\slash",
         "star*", "it's", 'quo"te', "new\nline", "tab\t", "12", "3.5"]
ODD_TEXT = ["", " ", "é", "e\u0301", "日本語テキスト", "😀 smile", "a\u0000b", "ﬁ", "İstanbul",
            "\u202eright", "ß", "\ufeffbom", "\x7f\x1b"]
IDS = [f"r{n}" for n in range(14)]
ODD_IDS = ["é", "日本", " ", "a b", "x" * 300, "R1", "r1 ", "\u0000", "'; --", "%00", "../r", "😀",
           '"', "\\", "null", "1"]
INTS = [0, 1, 2, 3, -1, 7, 2**31, -(2**31), 2**53 + 1, 2**63 - 1, -(2**63)]
FLOATS = [0.0, 1.0, 2.0, 2.5, -2.5, 0.1, 1e300, -1e-300, 5e-324, 1e16, 123456.789, -0.0, 3.0]
WRONG = [None, True, False, 0, -1, 1.5, "", "text", [], {}, [None], [[]], [1, "a"], {"a": 1},
         {"a": {"b": 1}}, 2**31, 2**32, 2**63, 2**64, -(2**63) - 1, 1e300]
PATTERNS = ["a", "^r", "ap+le", "[aeiou]{2}", "red|blue", "e$", "(?i)APPLE", ".", "x*", "^$", "\\.",
            "(?s)new.line", "a{0,3}b", "[^a-z]", "\\Qa"]
ASCII_PATTERNS = ["\\d+", "\\bpie\\b", "\\w+ \\w+", "\\s", "[[:alpha:]]+", "\\D"]
BAD_PATTERNS = ["(", "[", "*", "(?=a)", "(?<!a)b", "(a)\\1", "a{2,1}", "\\", "(?P<n", "[z-a]"]
SPACES = ["l2", "cosine", "ip"]


class Values:
    """Draws values from a seeded source; what they are for is the epoch's business."""

    def __init__(self, seed: int):
        self.r = random.Random(seed)
        # Chroma's server shows array metadata of deleted collections on new records.
        self.arrays = self.chance(0.4)
        self.odd_text = self.chance(0.5)

    def chance(self, probability: float) -> bool:
        return self.r.random() < probability

    def pick(self, items):
        return self.r.choice(items)

    def some(self, items, most=None):
        items = list(items)
        return self.r.sample(items, self.r.randint(0, min(most or len(items), len(items))))

    def text(self) -> str:
        if self.odd_text and self.chance(0.15):
            return self.pick(ODD_TEXT)
        return " ".join(self.pick(WORDS) for _ in range(self.r.randint(1, 5)))

    def scalar(self, kind: str):
        return {"s": lambda: self.text(), "i": lambda: self.pick(INTS),
                "f": lambda: self.pick(FLOATS), "b": lambda: self.chance(0.5),
                "n": lambda: self.pick([1, 2, 3, 1.0, 2.0, 2.5])}[kind]()

    def metadata_value(self, key: str):
        kind = self.pick("sifb") if key[0] == "m" else key[0]
        if key.endswith("s") and len(key) > 1:
            return [self.scalar(kind) for _ in range(self.r.randint(0 if self.chance(.2) else 1, 3))]
        return self.scalar(kind)

    def keys(self) -> list[str]:
        arrays = ["ss", "is", "fs", "bs"] if self.arrays else []
        return ["s1", "s2", "i1", "f1", "b1", "n1", "m1", *arrays]

    def metadata(self, nulls=0.0):
        if self.chance(0.15):
            return self.pick([None, {}])
        found = {key: self.metadata_value(key) for key in self.some(self.keys(), 5)}
        if self.odd_text and self.chance(0.1):
            found[self.pick(["é", "a.b", "a b", "k" * 200, "💡"])] = 1
        if self.chance(nulls):
            found[self.pick(self.keys())] = None
        return found

    def bad_metadata(self):
        return self.pick([
            {"": 1}, {"#a": 1}, {"$a": 1}, {"a": {}}, {"a": {"b": 1}}, {"a": [[1]]}, {"a": [1, "b"]},
            {"a": [True, 1]}, {"a": [None]}, {"a": [1.5, 2]}, {"a": None}, {"a": [{}]}, [], "x", 3,
            {"a": 2**63}, {"a": [2**63]}, {"#document": "x"},
            {"a": {"#type": "sparse_vector", "indices": [0, 2], "values": [0.5, 1.0]}},
            {"a": {"#type": "sparse_vector", "indices": [0], "values": [0.5, 1.0]}},
            {"a": {"#type": "other"}}])

    def vector(self, size: int):
        style = self.r.random()
        if style < 0.5:
            return [self.r.randint(-3, 3) for _ in range(size)]
        if style < 0.95:
            return [round(self.r.uniform(-2, 2), 3) for _ in range(size)]
        return [self.pick([0.0, 1e-30, 1e10, -1e10, 0.1, 16777217, 1e15 if style > .99 else 1.0])
                for _ in range(size)]

    def packed(self, vector) -> str:
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()

    def vectors(self, count: int, size: int):
        plain = [self.vector(size) for _ in range(count)]
        if self.chance(0.3):
            return [self.packed([min(max(x, -3e38), 3e38) for x in v]) for v in plain]
        return plain

    def bad_vector(self, size: int):
        nan = base64.b64encode(struct.pack("<f", float("nan")) * size).decode()
        return self.pick([[1] * (size + 1), [1] * (size - 1), [], [1e39] * size, ["a"] * size,
                          [None] * size, [[1]] * size, [True] * size, nan, "AAAA", "!!!!", "",
                          "AACAPwAAAEA", "AACAPwAAAEB=", self.packed([1.0] * (size + 1)), None, 5,
                          {}, [-3.5e38] * size, [2**70] * size, [1e-50] * size])

    def record_ids(self, count: int) -> list[str]:
        pool = IDS + (ODD_IDS if self.odd_text else [])
        return self.r.sample(pool, min(count, len(pool)))

    # --- filters

    def where(self, depth=2):
        if depth and self.chance(0.25):
            return {self.pick(["$and", "$or"]): [self.where(depth - 1)
                                                for _ in range(self.r.randint(0, 3))]}
        key = self.pick([*self.keys(), "s1", "i1", "n1", "missing"])
        kind = self.pick("sifb") if key[0] == "m" else key[0]
        if self.chance(0.1):
            kind = self.pick("sifbn")
        if key.endswith("s") and len(key) > 1 and self.chance(0.8):
            return {key: {self.pick(["$contains", "$not_contains"]): self.scalar(kind)}}
        operator = self.pick(["", "$eq", "$ne", "$in", "$nin", "$gt", "$gte", "$lt", "$lte"])
        if operator in ("$gt", "$gte", "$lt", "$lte") and kind in "sb":
            kind = self.pick("if")
        if operator in ("$in", "$nin"):
            kind = "i" if kind == "n" else kind
            return {key: {operator: [self.scalar(kind) for _ in range(self.r.randint(1, 3))]}}
        operand = self.scalar(kind)
        return {key: {operator: operand}} if operator else {key: operand}

    def bad_where(self):
        return self.pick([
            {}, [], "x", 1, {"s1": "a", "i1": 1}, {"s1": {}}, {"s1": {"$eq": "a", "$ne": "b"}},
            {"s1": {"$gt": "a"}}, {"b1": {"$lt": True}}, {"s1": {"$in": []}}, {"s1": {"$in": "a"}},
            {"s1": {"$in": ["a", 1]}}, {"i1": {"$in": [1, 2.5]}}, {"f1": {"$in": [1.5, 2]}},
            {"i1": {"$in": [1, True]}}, {"s1": None}, {"s1": [1]}, {"s1": {"$eq": None}},
            {"s1": {"$eq": [1]}}, {"s1": {"$eq": {}}}, {"s1": {"$bogus": 1}}, {"s1": {"eq": 1}},
            {"$bogus": [{"s1": 1}]}, {"$and": {}}, {"$and": "x"}, {"$and": [1]}, {"$and": [{}]},
            {"$or": [{"s1": "a"}, {}]}, {"$not": {"s1": 1}}, {"$s": 1}, {"i1": {"$eq": 2**63}},
            {"i1": 2**64}, {"i1": {"$in": [2**63]}}, {"#document": "x"}, {"#other": 1}, {"": 1},
            {"#document": {"$eq": "x"}}, {"s1": {"$regex": "a"}}, {"s1": {"$not_regex": "a"}},
            {"s1": {"$contains": [1]}}, {"s1": {"$contains": None}}, {"$and": None},
            {"#document": {"$regex": "("}}, {"i1": {"$gt": [1]}}, {"i1": {"$nin": []}}])

    def document_test(self):
        if self.chance(0.35):
            pool = PATTERNS + ([] if self.odd_text else ASCII_PATTERNS)
            return {self.pick(["$regex", "$not_regex"]): self.pick(pool)}
        text = self.pick(WORDS + ["", "e", "pp", "red g", "RED", "日本", "\u0000", "%", "_"])
        return {self.pick(["$contains", "$contains", "$not_contains"]): text}

    def where_document(self, depth=2):
        if depth and self.chance(0.25):
            return {self.pick(["$and", "$or"]): [self.where_document(depth - 1)
                                                for _ in range(self.r.randint(0, 3))]}
        return self.document_test()

    def bad_where_document(self):
        return self.pick([
            {}, [], "x", 1, {"$contains": 1}, {"$contains": None}, {"$contains": ["a"]}, {"a": "b"},
            {"$contains": "a", "$not_contains": "b"}, {"$eq": "a"}, {"$and": {}}, {"$and": ["x"]},
            {"$or": [{}]}, {"$regex": 5}, *({"$regex": p} for p in BAD_PATTERNS),
            {"$not_regex": "("}, {"$and": [{"$contains": "a"}, {"$regex": "["}]}])

    def filters(self, body: dict, bad=0.08) -> None:
        if self.chance(0.45):
            if self.chance(0.12):
                body["where"] = {"#document": self.document_test()}
            elif self.chance(0.1):
                body["where"] = {self.pick(["$and", "$or"]): [
                    self.where(1), {"#document": self.document_test()}]}
            else:
                body["where"] = self.bad_where() if self.chance(bad) else self.where()
        if self.chance(0.3):
            bad_now = self.chance(bad)
            body["where_document"] = self.bad_where_document() if bad_now else self.where_document()
        if self.chance(0.3):
            body["ids"] = self.record_ids(self.r.randint(0, 6))
            if body["ids"] and self.chance(0.2):
                body["ids"].append(body["ids"][0])
            if self.chance(0.05):
                body["ids"] = self.pick([None, "r1", [1], [None], [""], {}])

    def include(self, body: dict) -> None:
        names = ["documents", "embeddings", "metadatas", "uris", "distances"]
        if self.chance(0.6):
            body["include"] = self.some(names)
            if body["include"] and self.chance(0.08):
                body["include"].append(body["include"][0])
            if self.chance(0.06):
                body["include"] = self.pick([None, ["data"], "documents", [1], ["Documents"], [None]])

    # --- mutations that make a body wrong

    def spoil(self, body):
        """A copy of `body` with one random thing in it replaced, removed or added."""
        body = copy.deepcopy(body)
        places = []

        def walk(node, depth):
            items = node.items() if isinstance(node, dict) else enumerate(node)
            for key, value in list(items):
                places.append((node, key))
                if isinstance(value, (dict, list)) and depth < 4:
                    walk(value, depth + 1)

        if not isinstance(body, dict):
            return self.pick(WRONG)
        walk(body, 0)
        if not places or self.chance(0.08):
            return self.pick([self.pick(WRONG), {**body, "unknown": self.pick(WRONG)}, [body]])
        node, key = self.pick(places)
        if self.chance(0.25):
            del node[key]
        else:
            node[key] = self.pick(WRONG)
        return body

    def mangle(self, content: bytes) -> bytes:
        """`content` as bytes that are no longer what they were, and mostly no JSON."""
        at = self.r.randint(0, len(content))
        deep = self.pick([20, 50, 100, 200, 400])      # not near 128: the border is a detail
        clause = b', "where": ' + b'{"$and": [' * deep + b"]}" * deep + b"}"
        if b"embeddings" in content and b"query_embeddings" not in content:
            clause = b', "where": {}}'                 # ignored by writes, however deep
        # A request whose JSON could be cut short anywhere, or holds what JSON has not.
        return self.pick([
            content[:at], content[:at] + b"\xff" + content[at:], content + b"x", content + b"{}",
            b"", b" ", b"\xef\xbb\xbf" + content, content.replace(b'"', b"'"), b"null", b"[]", b"1",
            content.replace(b":", b"", 1), content[:-1] + b",}", b"NaN", b'{"ids": [NaN]}',
            b'{"a": ' + b"[" * deep + b"]" * deep + b"}" if deep != 400 else b"[" * 400,
            content[:-1] + clause,
            b'{"ids": ["\\ud800"], "embeddings": [[1, 2]]}', b'{"ids": ["\\u00"]}', b"// c\n{}",
            b'{"limit": 01}', b'{"limit": +1}', b'{"limit": 1e1}', b'{"ids": ["a\nb"]}',
            b'{"limit": 1, "limit": 2}', b'{"ids": ["a"], "ids": ["b"]}',
            b'{"unknown": 1, "unknown": 2}', b" \t\r\n" + content + b"\n\n",
            b'{"limit": 4294967295}', b'{"limit": 4294967296}', b'{"offset": 18446744073709551616}'])

    def finish(self, request) -> None:
        """Spoils some of the requests that carry a body."""
        roll = self.r.random()
        if roll < 0.07:
            request.body = self.spoil(request.body)
        elif roll < 0.10:
            request.raw = self.mangle(json.dumps(request.body).encode())
        elif roll < 0.115:
            kind = self.pick(["text/plain", "application/x-www-form-urlencoded", "", "json",
                              "application/json; charset=utf-8", "application/ld+json",
                              "APPLICATION/JSON", "application/jsonx", "text/json"])
            request.headers = {"content-type": kind}
        elif roll < 0.12:
            request.headers = {}
        elif roll < 0.15:
            request.chunked = True
