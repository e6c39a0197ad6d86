"""A browser's end of a live socket."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from asgiref.testing import ApplicationCommunicator


class Socket:
    """A browser's end of a live socket."""

    def __init__(self, path: str, user: Any, application: Any) -> None:
        scope = {"type": "websocket", "path": unquote(path), "headers": [], "query_string": b"", "user": user}
        self.communicator = ApplicationCommunicator(application, scope)

    async def connect(self) -> bool:
        """Open the socket; return whether it was accepted."""
        await self.communicator.send_input({"type": "websocket.connect"})
        is_accepted = (await self.communicator.receive_output(5))["type"] == "websocket.accept"
        if not is_accepted:
            await self.disconnect()
        return is_accepted

    async def disconnect(self) -> None:
        """Go away, as a server tells the application also after a refusal."""
        await self.communicator.send_input({"type": "websocket.disconnect", "code": 1000})
        # The layer's read, begun with the socket, may go on for some seconds; nobody waits for it.
        await self.communicator.wait(0.2)

    async def __aenter__(self) -> Socket:
        assert await self.connect()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.disconnect()

    async def next(self, *kinds: str) -> dict[str, Any]:
        """Return the next message, of one of these kinds if any is given."""
        while True:
            output = await self.communicator.receive_output(6)
            assert output["type"] == "websocket.send"
            message = json.loads(output["text"])
            if not kinds or message["type"] in kinds:
                return message

    async def say(self, message: Any) -> None:
        text = message if isinstance(message, str) else json.dumps(message)
        await self.communicator.send_input({"type": "websocket.receive", "text": text})
