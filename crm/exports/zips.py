"""A zip file that is made while it is sent."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, cast
from zipfile import ZIP_DEFLATED, ZipFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class ZipStream:
    """Files go in one after the other; what comes out is sent on. Nothing is kept but the table of contents."""

    def __init__(self) -> None:
        self._out = _Outlet()
        self._zip = ZipFile(cast("IO[bytes]", self._out), "w", ZIP_DEFLATED)

    def file(self, name: str, content: Iterable[bytes]) -> Iterator[bytes]:
        """Yield what is to be sent of one file."""
        # Its size is not known beforehand.
        with self._zip.open(name, "w", force_zip64=True) as entry:
            for chunk in content:
                entry.write(chunk)
                if sent := self._out.take():
                    yield sent
        yield self._out.take()

    def end(self) -> bytes:
        """Return the table of contents, which comes last."""
        self._zip.close()
        return self._out.take()


class _Outlet:
    """What ZipFile writes to: it cannot be sought in, so nothing is written twice."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._chunks.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits here."""

    def take(self) -> bytes:
        sent = b"".join(self._chunks)
        self._chunks.clear()
        return sent
