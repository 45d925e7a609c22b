"""Documents and searches over HTTP. Knows Chroma's client and nothing of Pannier: the daemon beside it
answers where the client looks. Run by uvicorn with any number of workers."""

import hashlib
import re

import chromadb
from fastapi import FastAPI
from pydantic import BaseModel

DIMENSION = 256


def embed(text: str) -> list[float]:
    """Words hashed into dimensions: enough to find a document again. A real application has a model."""
    vector = [0.0] * DIMENSION
    for word in re.findall(r"\w+", text.lower()):
        vector[int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big") % DIMENSION] += 1.0
    return vector


class Document(BaseModel):
    id: str
    text: str


app = FastAPI()


def documents():
    return chromadb.HttpClient().get_or_create_collection("documents", embedding_function=None)


@app.put("/documents")
def put(document: Document) -> dict:
    documents().upsert(ids=[document.id], documents=[document.text], embeddings=[embed(document.text)])
    return {"id": document.id}


@app.get("/search")
def search(text: str, limit: int = 3) -> list[dict]:
    found = documents().query(query_embeddings=[embed(text)], n_results=limit)
    return [{"id": i, "text": t, "distance": d}
            for i, t, d in zip(found["ids"][0], found["documents"][0], found["distances"][0])]


@app.get("/health")
def health() -> dict:
    return {"documents": documents().count()}
