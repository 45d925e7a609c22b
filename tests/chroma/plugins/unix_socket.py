"""pytest plug-in: httpx reaches the server under test over a Unix socket.

Requests to localhost:CHROMA_SERVER_HTTP_PORT, where nothing listens, go to the socket named by
PANNIER_SUITE_SOCKET; all others are left alone, since some tests start servers of their own.
"""

import os

import httpx

PATH = os.environ["PANNIER_SUITE_SOCKET"]
LABEL = f"http://localhost:{os.environ['CHROMA_SERVER_HTTP_PORT']}"


def reroute(client_class, transport_class) -> None:
    original = client_class.__init__

    def init(self, *args, **kwargs):
        limits = {"limits": kwargs["limits"]} if "limits" in kwargs else {}
        mounts = {LABEL: transport_class(uds=PATH, **limits)}
        original(self, *args, **{**kwargs, "mounts": {**(kwargs.get("mounts") or {}), **mounts}})

    client_class.__init__ = init


reroute(httpx.Client, httpx.HTTPTransport)
reroute(httpx.AsyncClient, httpx.AsyncHTTPTransport)
