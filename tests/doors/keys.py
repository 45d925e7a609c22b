"""Authorities and certificates for tests, by the openssl program."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path


def openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


class Authority:
    """Signs; its certificate is `<name>.pem` in `folder`, as is what it issues."""

    def __init__(self, folder: Path, name: str):
        self.folder, self.name = folder, name
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", f"/CN={name}", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem")

    def issue(self, name: str, host: str) -> None:
        """`<name>.pem` and `<name>.key`, for a server or a client of that DNS name; replaces the former ones."""
        new = self.folder / f"{name}.new"
        extensions = self.folder / "extensions"
        extensions.write_text(f"subjectAltName=DNS:{host}\nbasicConstraints=CA:FALSE\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={host}",
                "-keyout", f"{new}.key", "-out", f"{new}.csr")
        openssl("x509", "-req", "-in", f"{new}.csr", "-CA", self.folder / f"{self.name}.pem",
                "-CAkey", self.folder / f"{self.name}.key", "-days", "2", "-extfile", extensions, "-out", f"{new}.pem")
        for kind in ("key", "pem"):
            Path(f"{new}.{kind}").rename(self.folder / f"{name}.{kind}")

    def client(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.folder / f"{self.name}.pem"))
