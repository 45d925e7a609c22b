"""The stock client over the socket: it works, it closes, and it says what is wrong."""

import asyncio
import contextlib
import multiprocessing
import os
import ssl

import chromadb
import chromadb.errors
import pytest
from chromadb.api.shared_system_client import SharedSystemClient
from chromadb.config import Settings

import pannier


def sockets_open():
    """How many of this process' descriptors are sockets."""
    found = 0
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
    return found


def round_trip(client, name="notes"):
    notes = client.get_or_create_collection(name, embedding_function=None)
    notes.add(ids=["a", "b"], embeddings=[[1.0, 0.0], [0.0, 1.0]], documents=["red", "blue"],
              metadatas=[{"n": 1}, {"n": 2}])
    return notes.query(query_embeddings=[[0.9, 0.1]], n_results=1)["ids"]


def test_the_stock_client_works_over_the_socket(server, database):
    with pannier.connect(server.socket_path, database=database, create=True) as client:
        assert isinstance(client, chromadb.ClientAPI)
        assert round_trip(client) == [["a"]]
        notes = client.get_collection("notes", embedding_function=None)
        assert notes.get(where={"n": {"$gt": 1}})["ids"] == ["b"]
        assert notes.get(where_document={"$contains": "re"})["ids"] == ["a"]


def test_the_environment_names_the_socket(server, monkeypatch):
    monkeypatch.setenv("PANNIER_SOCKET", server.socket_path)
    with pannier.connect() as client:
        assert client.heartbeat() > 0


def test_the_environment_names_host_and_port(tcp_server, database, monkeypatch):
    monkeypatch.setenv("CHROMA_HOST", tcp_server.host)
    monkeypatch.setenv("CHROMA_PORT", str(tcp_server.port))
    with pannier.connect(database=database, create=True) as client:
        assert round_trip(client) == [["a"]]


def test_no_tcp_connection_is_tried_for_a_socket(server, monkeypatch):
    import httpcore

    def refuse(*_arguments, **_options):
        raise AssertionError("a TCP connection was opened")

    monkeypatch.setattr(httpcore._backends.sync.SyncBackend, "connect_tcp", refuse)
    with pannier.connect(server.socket_path) as client:
        assert client.heartbeat() > 0


async def test_no_authorities_are_loaded_for_a_socket(server, monkeypatch):
    """It took three quarters of the time of connecting."""
    def refuse(*_arguments, **_options):
        raise AssertionError("certificates were read")

    monkeypatch.setattr(ssl, "create_default_context", refuse)
    with pannier.connect(server.socket_path) as client:
        assert client.heartbeat() > 0
    async with pannier.connect_async(server.socket_path) as client:
        assert await client.heartbeat() > 0


def test_closing_gives_back_every_socket_and_every_entry(server):
    entries, before = len(SharedSystemClient._identifier_to_system), sockets_open()
    for _ in range(5):
        with pannier.connect(server.socket_path) as client:
            client.heartbeat()
            assert sockets_open() > before
    assert sockets_open() == before
    assert len(SharedSystemClient._identifier_to_system) == entries


def test_a_closed_client_says_so_and_closes_twice(server):
    client = pannier.connect(server.socket_path)
    client.close()
    client.close()
    with pytest.raises(pannier.errors.ClosedError):
        client.heartbeat()


def test_two_clients_are_independent(server):
    first, second = pannier.connect(server.socket_path), pannier.connect(server.socket_path)
    first.close()
    assert second.heartbeat() > 0
    second.close()


def test_a_missing_database_is_an_error_with_a_remedy(server, database):
    with pytest.raises(pannier.errors.NotFoundError, match="create=True"):
        pannier.connect(server.socket_path, database=database)


def test_a_missing_tenant_is_made_on_request(server, database):
    with pannier.connect(server.socket_path, tenant=f"t-{database}", database=database,
                         create=True) as client:
        assert round_trip(client) == [["a"]]


def make_database(path, database, barrier, results):
    barrier.wait()
    try:
        with pannier.connect(path, database=database, create=True) as client:
            results.put(client.get_or_create_collection("shared", embedding_function=None).id.hex)
    except Exception as error:
        results.put(repr(error))


def test_processes_that_create_one_store_at_once_share_it(server, database):
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(4), context.Queue()
    workers = [context.Process(target=make_database,
                               args=(server.socket_path, database, barrier, results))
               for _ in range(4)]
    for worker in workers:
        worker.start()
    found = {results.get(timeout=60) for _ in workers}
    for worker in workers:
        worker.join(60)
    assert len(found) == 1 and len(found.pop()) == 32


def test_a_client_made_before_a_fork_works_in_parent_and_child(server, database):
    with pannier.connect(server.socket_path, database=database, create=True) as client:
        notes = client.get_or_create_collection("notes", embedding_function=None)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                for n in range(50):
                    notes.add(ids=[f"child{n}"], embeddings=[[1, n]])
                code = 0
            finally:
                os._exit(code)
        for n in range(50):
            notes.add(ids=[f"parent{n}"], embeddings=[[2, n]])
        assert os.waitpid(child, 0)[1] == 0
        assert notes.count() == 100


def test_errors_of_the_server_stay_what_they_are(server, database):
    with pannier.connect(server.socket_path, database=database, create=True) as client:
        with pytest.raises(chromadb.errors.NotFoundError):
            client.get_collection("nothing")
        notes = client.create_collection("small", embedding_function=None)
        notes.add(ids=["a"], embeddings=[[1, 2]])
        with pytest.raises(chromadb.errors.InvalidArgumentError, match="dimension"):
            notes.add(ids=["b"], embeddings=[[1, 2, 3]])


def test_a_killed_daemon_is_a_connect_error_and_a_restart_heals(own_server, database):
    client = pannier.connect(own_server.socket_path, database=database, create=True)
    round_trip(client)
    own_server.kill()
    with pytest.raises(pannier.errors.ConnectError):
        client.heartbeat()
    own_server.start()
    assert client.get_collection("notes", embedding_function=None).count() == 2
    client.close()


def test_settings_and_headers_of_the_caller_are_kept(server):
    settings = Settings(allow_reset=True, chroma_server_headers={"x-a": "1"})
    with pannier.connect(server.socket_path, settings=settings, headers={"x-b": "2"}) as client:
        sent = client._server.get_request_headers()
        assert sent["x-a"] == "1" and sent["x-b"] == "2"
        assert client.get_settings().allow_reset
    assert settings.chroma_server_headers == {"x-a": "1"}


@pytest.mark.parametrize("name", ["CHROMA_TOKEN", "CHROMA_CLIENT_AUTH_CREDENTIALS"])
def test_a_token_of_the_environment_is_sent(server, monkeypatch, name):
    monkeypatch.setenv(name, "secret")
    with pannier.connect(server.socket_path) as client:
        assert client._server.get_request_headers()["authorization"] == "Bearer secret"


def test_an_admin_client_of_the_same_settings_uses_the_socket(server, database):
    with pannier.connect(server.socket_path) as client:
        admin = chromadb.AdminClient(client.get_settings())
        admin.create_database(database)
        assert admin.get_database(database)["name"] == database


async def test_the_asynchronous_client_works_and_closes(server, database):
    before = sockets_open()
    async with pannier.connect_async(server.socket_path, database=database, create=True) as client:
        notes = await client.get_or_create_collection("notes", embedding_function=None)
        await asyncio.gather(*(notes.add(ids=[str(n)], embeddings=[[n, 1]]) for n in range(20)))
        assert await notes.count() == 20
        assert sockets_open() > before
    assert sockets_open() == before
    with pytest.raises(pannier.errors.ClosedError):
        await client.heartbeat()


async def test_asynchronous_clients_of_two_servers_do_not_mix(server, own_server, database):
    one = await pannier.connect_async(server.socket_path, database=database, create=True)
    two = await pannier.connect_async(own_server.socket_path)
    await one.create_collection("only-here", embedding_function=None)
    assert await two.count_collections() == 0
    assert await one.count_collections() == 1
    await one.close()
    assert await two.heartbeat() > 0
    await two.close()


async def test_asynchronous_connecting_has_the_same_errors(server, tmp_path, database):
    with pytest.raises(pannier.errors.SocketMissingError):
        await pannier.connect_async(tmp_path / "none.sock")
    with pytest.raises(pannier.errors.NotFoundError):
        async with pannier.connect_async(server.socket_path, database=database):
            pass


def test_an_asynchronous_client_outlives_the_loop_it_was_made_in(server, database):
    """asyncio.run() makes a loop each time, often at the address of the one before."""
    loops = []

    async def make():
        loops.append(id(asyncio.get_running_loop()))
        return await pannier.connect_async(server.socket_path, database=database, create=True)

    async def beat(client):
        loops.append(id(asyncio.get_running_loop()))
        return await client.heartbeat()

    client = asyncio.run(make())
    assert all(asyncio.run(beat(client)) > 0 for _ in range(20))
    asyncio.run(client.close())
    assert len(loops) == 21
