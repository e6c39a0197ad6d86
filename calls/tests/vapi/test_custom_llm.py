"""Assistants that think with Pete's proxy: how Vapi has to ask it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from calls.sync.apply import Outcome, apply
from calls.sync.survey import survey
from calls.tests.vapi.conftest import PUBLIC, in_order

pytestmark = pytest.mark.django_db


def thinking(**model: Any) -> dict[str, Any]:
    """Return an assistant that is right but for these fields of its model."""
    row = in_order()
    row["model"] |= {
        "provider": "custom-llm",
        "model": "llama3.1",
        "url": f"{PUBLIC}/llm",
        "timeoutSeconds": 35,
    } | model
    row["model"] = {name: value for name, value in row["model"].items() if value is not None}
    return row


@pytest.fixture(autouse=True)
def _patience(settings):
    settings.LLM_TIMEOUT_SECONDS = 30


@pytest.mark.parametrize(
    ("model", "differs"),
    [
        ({}, {}),
        ({"timeoutSeconds": 60}, {}),
        ({"metadataSendMode": "destructured"}, {}),
        ({"url": f"{PUBLIC}/llm/chat/completions"}, {}),
        # Vapi's own default is shorter than Pete's patience with a model.
        ({"timeoutSeconds": None}, {"model.timeoutSeconds": ("not set: 20", "35")}),
        ({"timeoutSeconds": 30}, {"model.timeoutSeconds": ("30", "35")}),
        ({"timeoutSeconds": 0}, {"model.timeoutSeconds": ("0", "35")}),
        (
            {"metadataSendMode": "off"},
            {"model.metadataSendMode": ("off: Pete does not learn which call asks", "variable")},
        ),
        ({"url": "https://old.example.com/llm"}, {"model.url": ("https://old.example.com/llm", f"{PUBLIC}/llm")}),
        # Somebody else's model is none of Pete's business.
        ({"url": "https://openrouter.ai/api/v1", "timeoutSeconds": None}, {}),
        ({"provider": "openai", "model": "gpt-4o", "url": None, "timeoutSeconds": None}, {}),
    ],
)
def test_what_keeps_vapi_from_asking_well(client, vapi, model, differs):
    vapi.add("assistant", **thinking(**model))

    [plan] = survey(client).plans

    assert {change.path: (change.before, change.after) for change in plan.changes} == differs


def test_it_is_set_right_with_the_whole_model_and_once(client, vapi):
    row = vapi.add("assistant", **thinking(timeoutSeconds=None, metadataSendMode="off", temperature=0.2))
    before = row["model"]

    found = survey(client)
    assert [result.outcome for result in apply(client, found, found.drifted)] == [Outcome.APPLIED]

    right = {"timeoutSeconds": 35, "metadataSendMode": "variable"}
    [sent] = [exchange.request for exchange in vapi.log if exchange.request.method == "PATCH"]
    assert json.loads(sent.body) == {"model": before | right}
    assert survey(client).drifted == []


def test_vapi_waits_no_longer_than_it_can(client, vapi, settings):
    settings.LLM_TIMEOUT_SECONDS = 900
    vapi.add("assistant", **thinking(timeoutSeconds=300))

    assert survey(client).drifted == []
