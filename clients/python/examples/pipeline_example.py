"""20 chunks of a text, written by parallel workers and merged over S3. Kill it anywhere, run it again:
it goes on where it was, here or on another machine, and ends with the same records.

    pip install './clients/python[full]'     # README.md has the rest
    export S3_BUCKET=texts S3_ENDPOINT=http://127.0.0.1:9000
    export S3_ACCESS_KEY_FILE=./key S3_SECRET_KEY_FILE=./secret
    python pipeline_example.py ./store
"""

import os
import sys
from concurrent.futures import ProcessPoolExecutor

import pannier

CHUNKS, GROUP, WORKERS = 20, 5, 4
PIPELINE = pannier.SnapshotPipeline(
    os.environ.get("PIPELINE", "texts"),
    {"s3": {"bucket": os.environ["S3_BUCKET"], "endpoint": os.environ["S3_ENDPOINT"],
            "accessKeyFile": os.environ["S3_ACCESS_KEY_FILE"],
            "secretKeyFile": os.environ["S3_SECRET_KEY_FILE"],
            "prefix": os.environ.get("PIPELINE", "texts")}},
    work=os.environ.get("WORK", "./work"))


def prepare(client):
    client.create_collection("paragraphs", embedding_function=None)


def read_chunk(number):
    """What stands for reading a file, cutting it into paragraphs and asking a model for vectors."""
    ids = [f"{number}-{paragraph}" for paragraph in range(50)]
    return {"ids": ids, "documents": [f"paragraph {id}" for id in ids],
            "metadatas": [{"chunk": number} for _ in ids],
            "embeddings": [[number, paragraph, 1.0] for paragraph in range(50)]}


def write_chunk(number):
    def fill(client):
        client.get_collection("paragraphs", embedding_function=None).add(**read_chunk(number))

    PIPELINE.write(f"chunk-{number}", fill)


def merge_group(first):
    PIPELINE.merge(f"group-{first}", [f"chunk-{number}" for number in range(first, first + GROUP)])


def main(folder):
    PIPELINE.initialise(prepare)
    groups = range(0, CHUNKS, GROUP)
    with ProcessPoolExecutor(WORKERS) as workers:
        list(workers.map(write_chunk, range(CHUNKS)))
        list(workers.map(merge_group, groups))
    PIPELINE.merge("all", [f"group-{first}" for first in groups])
    PIPELINE.compact("done", "all")
    print(f"{PIPELINE.check('done').records} records", flush=True)
    if not os.path.exists(folder):
        PIPELINE.take("done", folder)


if __name__ == "__main__":
    main(sys.argv[1])
