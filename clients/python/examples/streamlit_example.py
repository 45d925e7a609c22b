"""Notes that a browser's tab keeps and searches by their meaning. A refresh of the page goes on where
it was; the notes of a tab that has been closed go some minutes later.

    pip install './clients/python[full]' streamlit wordllama     # README.md has the rest
    CHROMA_MODE=persistent CHROMA_DB_PATH=./store streamlit run streamlit_example.py
"""

import uuid

import streamlit as st
from local_embeddings import NAME, embed

import pannier

st.set_page_config(page_title="Notes")
tab = st.query_params.get("tab") or uuid.uuid4().hex
st.query_params["tab"] = tab  # in the address: what is opened again is the same session


@st.cache_resource(scope="session", on_release=lambda manager: manager.close())
def manager_of(tab):
    """One for each tab while it is there, not one for each run of this script."""
    return pannier.StoreManager.from_environment(session=tab, ephemeral=True, session_seconds=300)


manager = manager_of(tab)
st.title("Notes")
health = manager.health_check()
if not health:
    st.error(f"The notes cannot be reached: {health.reason}")
    st.stop()

with st.form("new", clear_on_submit=True):
    text = st.text_input("A new note")
    if st.form_submit_button("Keep") and text:
        manager.upsert(tab, NAME, "notes", ids=[uuid.uuid4().hex], documents=[text],
                       embeddings=embed([text]))

count = manager.get_collection(tab, NAME, "notes").count()
words = "note" if count == 1 else "notes"
st.caption(f"{count} {words} in this tab · the daemon is in {health.mode} mode")
question = st.text_input("Find")
if question and count:
    found = manager.query(tab, NAME, "notes", query_embeddings=embed([question]), n_results=3)
    for text, distance in zip(found["documents"][0], found["distances"][0]):
        st.write(f"{text} ({distance:.2f})")
