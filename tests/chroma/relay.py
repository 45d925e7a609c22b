"""Puts a Unix socket in front of a TCP server, so that Chroma's own server can be tested like ours.

    relay.py SOCKET PORT COMMAND…    runs COMMAND, passes bytes between SOCKET and 127.0.0.1:PORT
"""

import asyncio
import contextlib
import sys

from launcher import die_with_parent


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


async def main(path: str, port: int, command: list[str]) -> int:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, back), pump(there, writer))

    child = await asyncio.create_subprocess_exec(*command, preexec_fn=die_with_parent)
    async with await asyncio.start_unix_server(serve, path):
        return await child.wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])))
