"""Rows of certificates that are replaced: the webhook's while it is asked, those of operator and daemon in the middle of
a snapshot.
"""

import base64
import http.client
import json
import os
import socket
import ssl
import struct
import subprocess
import time
import uuid
from pathlib import Path

import faults
from api_rows import is_alive
from clock_rows import LIBRARY
from daemon_rows import LINK, of_key, starts
from ground import LEASE, Ground
from kube import eventually
from operator_rows import WEBHOOK
from table import row

DAY, MINUTE = 86_400, 60
OVERLAP = 15 * MINUTE  # until an authority that was published signs


class Maker:
    """Certificates that were made at another time."""

    def __init__(self, folder: Path):
        folder.mkdir()
        self.folder = folder

    def openssl(self, *arguments: str, ago: float = 0):
        clock = self.folder / "clock"
        clock.write_bytes(struct.pack("q", -round(ago)))
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=self.folder,
                       env={**os.environ, "LD_PRELOAD": str(LIBRARY), "STEPPED_CLOCK": str(clock)})

    def authority(self, name: str, ago: float, days: int):
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", str(days),
                     "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.crt",
                     "-addext", "keyUsage=critical,keyCertSign,cRLSign", ago=ago)

    def leaf(self, name: str, authority: str, names: list[str], ago: float, days: int):
        (self.folder / "extensions").write_text(
            "subjectAltName=" + ",".join(f"DNS:{each}" for each in names) +
            "\nextendedKeyUsage=serverAuth\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n")
        self.openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-subj",
                     f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.crt", "-CAkey", f"{authority}.key",
                     "-CAcreateserial", "-days", str(days), "-out", f"{name}.crt", "-extfile", "extensions", ago=ago)

    def text(self, name: str) -> str:
        return (self.folder / name).read_text()

    def encoded(self, name: str) -> str:
        return base64.b64encode((self.folder / name).read_bytes()).decode()


# --- the webhook's ---

def ask(ground: Ground, address: tuple[str, int], name: str, trusted: str) -> bytes:
    """One review on a connection of its own. The certificate that was shown."""
    context = ssl.create_default_context(cadata=trusted)
    with context.wrap_socket(socket.create_connection(address, 10), server_hostname=name) as secured:
        connection = http.client.HTTPConnection(name)
        connection.sock = secured
        pod = {"metadata": {"name": "p", "namespace": ground.ns, "labels": {"pannier.dev/vectorstore": "notes"}},
               "spec": {"containers": [{"name": "c", "image": "work"}]}}
        connection.request("POST", "/mutate", json.dumps({
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "request": {"uid": str(uuid.uuid4()), "operation": "CREATE", "namespace": ground.ns, "object": pod,
                        "kind": {"kind": "Pod", "version": "v1", "group": ""}}}))
        answer = json.loads(connection.getresponse().read())["response"]
        assert answer["allowed"] and answer.get("patch"), answer
        return secured.getpeercert(True)


@row(WEBHOOK, "changes its certificate, then its authority, while it is asked all the time", slow=True)
def rotation(ground: Ground):
    service = ground.world.webhook_service
    names = [f"{service}.{ground.system}.svc", f"{service}.{ground.system}.svc.cluster.local",
             f"{service}.{ground.system}"]
    ground.operator.process.end()
    maker = Maker(ground.world.folder / f"{ground.system}-webhook")
    # The certificate is renewed at two thirds of its life, in twelve seconds; the next authority, which was published
    # some time ago, signs half a minute later.
    maker.authority("old", ago=DAY, days=3650)
    maker.leaf("shown", "old", names, ago=2 * DAY - 12, days=3)
    maker.authority("new", ago=OVERLAP - 40, days=365)
    path = ground.api.path("Secret", ground.system, f"{service}-certs")
    ground.api.call("PATCH", path, {"data": {
        "ca.crt": maker.encoded("old.crt"), "ca.key": maker.encoded("old.key"), "tls.crt": maker.encoded("shown.crt"),
        "tls.key": maker.encoded("shown.key"), "next-ca.crt": maker.encoded("new.crt"),
        "next-ca.key": maker.encoded("new.key")}}, content="application/merge-patch+json")
    ground.operator = ground.start_operator()
    address = ground.operator.address("the webhook listens")
    ground.operator.await_ready()
    old, new = maker.text("old.crt"), maker.text("new.crt")
    shown: list[bytes] = []
    asked, until = 0, time.monotonic() + 120
    while len(shown) < 3 and time.monotonic() < until:
        found = ask(ground, address, names[0], old + new)  # what caBundle says all the time
        asked += 1
        if found not in shown:
            shown.append(found)
        time.sleep(0.05)
    assert len(shown) == 3, f"{len(shown)} certificates were shown\n{ground.operator.process.said()}"
    assert shown[0] == ssl.PEM_cert_to_DER_cert(maker.text("shown.crt")), "it did not begin with what there was"
    ask(ground, address, names[0], new)  # who trusts the new authority alone
    held = ground.api.get("Secret", ground.system, f"{service}-certs")["data"]
    assert held["ca.crt"] == maker.encoded("new.crt") and held["previous-ca.crt"] == maker.encoded("old.crt"), held.keys()
    ground.note = f"{asked} calls"
    is_alive(ground)


# --- of operator and daemon ---

def put_into_pod(ground: Ground, files: dict[str, bytes]):
    """As kubelet does when a Secret has changed."""
    for name, data in files.items():
        made = ground.daemon.folder / f"{name}.new"
        made.write_bytes(data)
        made.replace(ground.daemon.folder / name)
    keys = ground.world.folder / f"{ground.system}-keys"
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(ground.daemon.folder / "tls.crt", ground.daemon.folder / "tls.key")
    server.load_verify_locations(keys / "ca.crt")
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.create_default_context(cafile=keys / "ca.crt")
    client.load_cert_chain(keys / "tls.crt", keys / "tls.key")
    ground.link.server, ground.link.context = server, client
    time.sleep(1.2)  # the daemon looks at its files once a second
    ground.link.drop()


def authority_of(ground: Ground) -> dict[str, bytes]:
    held = ground.api.get("Secret", ground.system, f"{LEASE}-admin")["data"]
    return {name: base64.b64decode(value) for name, value in held.items()}


def begun(ground: Ground) -> str:
    """A snapshot that is at work, and slow."""
    ground.s3.spoil("late", faults.late(3), of_key("chunks/", "PUT"))
    before = len(ground.link.calls(starts))
    ground.write(20)
    name = ground.snapshot()
    eventually(lambda: len(ground.link.calls(starts)) > before, 20, ground.story)
    return name


@row(LINK, "get other certificates in the middle of a snapshot, then another authority", slow=True)
def rotated(ground: Ground):
    maker = Maker(ground.world.folder / f"{ground.system}-admin")
    for name, data in authority_of(ground).items():
        (maker.folder / name).write_bytes(data)
    uid = ground.get("VectorStore", "notes")["metadata"]["uid"]
    name = begun(ground)
    maker.leaf("renewed", "ca", [f"{uid}.vectorstore.pannier.dev"], ago=60, days=90)
    put_into_pod(ground, {"tls.crt": maker.text("renewed.crt").encode(), "tls.key": maker.text("renewed.key").encode()})
    tree = ground.completed("StoreSnapshot", name)
    assert tree["status"]["attempt"] == 1, tree["status"]

    name = begun(ground)
    before = authority_of(ground)["ca.crt"]
    ground.api.call("DELETE", ground.api.path("Secret", ground.system, f"{LEASE}-admin"))
    ground.follow_operator()

    def data_of_daemons() -> dict[str, bytes]:
        held = ground.api.get("Secret", ground.ns, "notes-pannier-admin")["data"]
        return {each: base64.b64decode(value) for each, value in held.items()}
    eventually(lambda: data_of_daemons()["ca.crt"] != before, 40, ground.story)
    ground.wait("VectorStore", "notes", "False/Unreachable")  # until kubelet has brought the Secret
    keys = ground.world.folder / f"{ground.system}-keys"
    made = authority_of(ground)
    for each in ("ca.crt", "tls.crt", "tls.key"):
        (keys / each).write_bytes(made[each])
    put_into_pod(ground, data_of_daemons())
    tree = ground.completed("StoreSnapshot", name)
    assert tree["status"]["attempt"] == 1, tree["status"]
    ground.touch("VectorStore", "notes")
    ground.wait("VectorStore", "notes", "True/AsWanted")
