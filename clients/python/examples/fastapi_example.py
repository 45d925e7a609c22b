"""A FastAPI application on a Pannier daemon, with any number of workers: texts of files, searched by
their meaning, with a page for people at /.

    pip install './clients/python[full]' fastapi uvicorn wordllama     # README.md has the rest
    CHROMA_MODE=persistent CHROMA_DB_PATH=./store uvicorn fastapi_example:app --workers 4
"""

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from local_embeddings import NAME, embed
from pydantic import BaseModel

from pannier.fastapi import Manager, health_router, lifespan


class Chunk(BaseModel):
    id: str
    text: str


app = FastAPI(lifespan=lifespan())
app.include_router(health_router())


@app.put("/files/{file_id}/chunks")
def put(file_id: str, chunks: list[Chunk], manager: Manager) -> int:
    texts = [chunk.text for chunk in chunks]
    manager.upsert(file_id, NAME, "chunks", ids=[chunk.id for chunk in chunks], documents=texts,
                   embeddings=embed(texts))
    return len(chunks)


@app.get("/files/{file_id}/search")
def search(file_id: str, question: str, manager: Manager) -> list[str]:
    found = manager.query(file_id, NAME, "chunks", query_embeddings=embed([question]), n_results=3)
    return (found["documents"] or [[]])[0]


@app.get("/", response_class=HTMLResponse)
def page() -> str:
    return Path(__file__).with_name("fastapi_page.html").read_text()
