"""An LLM proxy as it is usually written: FastAPI and httpx, every chunk passed on as it is. It knows no calls."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import httpx
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

app = FastAPI()
client = httpx.AsyncClient(timeout=30, limits=httpx.Limits(max_connections=1000, max_keepalive_connections=1000))


@app.post("/llm/chat/completions")
async def chat_completions(request: Request) -> StreamingResponse:
    body = await request.json()
    asked = {"model": os.environ["LLM_MODEL"], "messages": body["messages"], "stream": True}

    async def answer() -> AsyncIterator[bytes]:
        async with client.stream("POST", os.environ["LLM_URL"] + "/chat/completions", json=asked) as response:
            async for chunk in response.aiter_raw():
                yield chunk

    return StreamingResponse(answer(), media_type="text/event-stream")
