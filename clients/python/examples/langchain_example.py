"""LangChain's vector store on the Pannier daemon.

    pip install './clients/python[full]' langchain-chroma wordllama     # README.md has the rest
    PANNIER_SOCKET=/run/pannier/pannier.sock python langchain_example.py
"""

from pathlib import Path

import wordllama
from langchain_chroma import Chroma
from langchain_core.embeddings import Embeddings

import pannier


class LocalEmbeddings(Embeddings):
    """Static word embeddings that run on this machine; any LangChain embeddings will do."""

    def __init__(self):
        home = Path(wordllama.__file__).parent
        self.model = wordllama.WordLlama.load(cache_dir=home, disable_download=True)

    def embed_documents(self, texts):
        return self.model.embed(texts, norm=True).tolist()

    def embed_query(self, text):
        return self.embed_documents([text])[0]


with pannier.connect(database="langchain", create=True) as client:
    store = Chroma("notes", LocalEmbeddings(), client=client,
                   collection_metadata={"hnsw:space": "cosine"})
    store.add_texts(
        ["The cat sleeps on the sofa.", "Interest rates rose again.", "A dog chased the ball."],
        metadatas=[{"topic": "pets"}, {"topic": "money"}, {"topic": "pets"}],
        ids=["cat", "rates", "dog"])
    for document, score in store.similarity_search_with_relevance_scores("central banks", k=1):
        print(f"{document.page_content} ({document.metadata['topic']}, {score:.2f})")
    pets = store.as_retriever(search_kwargs={"k": 2, "filter": {"topic": "pets"}})
    print(sorted(document.id for document in pets.invoke("animals")))
