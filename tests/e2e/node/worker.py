"""What a worker of the tests runs in its pod: Chroma's own client, told nothing about Pannier.

worker.py write JOURNAL    adds records for ever; notes each that was acknowledged
worker.py check JOURNAL    prints how many were acknowledged, and which of them are not there
worker.py once             adds three records, and ends
"""

import json
import sys
import time

import chromadb


def collection():
    return chromadb.HttpClient().get_or_create_collection("docs", embedding_function=None)


def add(records, first: int, count: int) -> None:
    numbers = range(first, first + count)
    records.upsert(ids=[f"r{n}" for n in numbers], documents=[f"document {n}" for n in numbers],
                   embeddings=[[float(n % 97), float(n % 89), 1.0] for n in numbers])


def acknowledged(journal: str) -> list[int]:
    try:
        with open(journal) as file:
            return [int(line) for line in file if line.endswith("\n")]
    except FileNotFoundError:
        return []


def write(journal: str) -> None:
    known = acknowledged(journal)
    number = known[-1] + 1 if known else 0
    records = None
    while True:
        try:
            records = records or collection()
            add(records, number, 1)
        except Exception as error:  # noqa: BLE001: whatever the client makes of a daemon that is away
            print("not acknowledged:", str(error)[:120], flush=True)
            records = None
            time.sleep(0.2)
            continue
        with open(journal, "a") as file:
            file.write(f"{number}\n")
        number += 1
        time.sleep(0.02)


def check(journal: str) -> None:
    wanted = acknowledged(journal)  # before the records are read: what comes meanwhile is no loss
    there = set(collection().get(include=[])["ids"])
    lost = [n for n in wanted if f"r{n}" not in there]
    print(json.dumps({"acknowledged": len(wanted), "lost": lost[:20]}))


if __name__ == "__main__":
    if sys.argv[1] == "once":
        add(collection(), 0, 3)
    else:
        {"write": write, "check": check}[sys.argv[1]](sys.argv[2])
