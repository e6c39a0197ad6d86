"""A model server over TLS: spoken to when its certificate is good, and never otherwise."""

from __future__ import annotations

import pytest

from calls.llm.turn import FALLBACK
from calls.tests import certificates
from calls.tests.llm.client import LlmClient
from calls.tests.llm.model_server import ModelServer


@pytest.fixture
async def https(settings, monkeypatch, tmp_path):
    """Return a function that starts a model server with a certificate; the machine trusts one authority."""
    servers: list[ModelServer] = []

    async def start(*names: str, days: int = 1, is_trusted: bool = True) -> ModelServer:
        papers = certificates.issue(tmp_path, *names, days=days)
        trusted = papers.authority
        if not is_trusted:
            elsewhere = tmp_path / "elsewhere"
            elsewhere.mkdir()
            trusted = certificates.issue(elsewhere, *names).authority
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        server = ModelServer()
        await server.start(ssl=papers.server_context())
        settings.LLM_URL = f"https://localhost:{server.port}/v1"
        servers.append(server)
        return server

    yield start
    for server in servers:
        await server.stop()


async def test_a_server_with_a_good_certificate_is_spoken_to_and_its_connection_kept(llm: LlmClient, https):
    server = await https("localhost")

    replies = [await llm.chat("call-1"), await llm.chat("call-2")]

    assert [reply.text for reply in replies] == ["Hello there."] * 2
    assert [seen.connection for seen in server.seen] == [1, 1]


@pytest.mark.parametrize(
    ("names", "options"),
    [
        (["localhost"], {"is_trusted": False}),
        (["localhost"], {"days": -1}),
        (["model.example"], {}),
        (["127.0.0.1"], {}),
    ],
    ids=["another authority", "expired", "another name", "only its address"],
)
async def test_a_bad_certificate_is_refused_and_the_caller_hears_the_sentence(
    llm: LlmClient, https, settings, names, options
):
    settings.LLM_API_KEY = "a-model-key"
    server = await https(*names, **options)

    reply = await llm.chat("call-1")

    assert (reply.status, reply.text, reply.finish) == (200, FALLBACK, "stop")
    # Not even the key was sent.
    assert server.seen == []
