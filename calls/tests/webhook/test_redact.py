import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls.webhook.redact import REDACTED, redact, redact_tree

KEYS = st.sampled_from(
    ["secret", "serverUrlSecret", "twilioAuthToken", "apiKey", "Authorization", "password", "credentials", "controlUrl",
     "name", "maxTokens", "token count", "key", "recordingUrl", "text", "privateKey", "x-api-key"]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(['"secret":"a"', "a\\", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES, st.sampled_from([None, 1]), st.booleans())
def test_the_bytes_are_redacted_as_the_tree_would_be(value, indent, ascii_only):
    body = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    try:
        body.decode()
    except UnicodeDecodeError:
        return

    assert json.loads(redact(body)) == redact_tree(json.loads(body))


@pytest.mark.parametrize(
    "key",
    ["secret", "serverUrlSecret", "twilioAuthToken", "twilioAccountSid", "apiKey", "api_key", "X-Api-Key", "PASSWORD",
     "authorization", "credentials", "credentialId", "listenUrl", "controlUrl", "accessToken", "refresh_token",
     "clientSecret", "privateKey"],
)  # fmt: skip
@pytest.mark.parametrize("value", ["abc", 12345, ["abc"], {"a": "abc"}, 'with \\" quotes'])
def test_secret_keys_lose_their_values(key, value):
    body = json.dumps({"message": {"type": "hang", "deep": [{key: value, "kept": "here"}]}}).encode()

    assert json.loads(redact(body)) == {"message": {"type": "hang", "deep": [{key: REDACTED, "kept": "here"}]}}


@pytest.mark.parametrize("key", ["maxTokens", "llmPromptTokens", "recordingUrl", "key", "secretary note"])
def test_other_keys_keep_theirs(key):
    body = json.dumps({key: "abc"}).encode()
    expected = REDACTED if key == "secretary note" else "abc"

    assert json.loads(redact(body)) == {key: expected}


def test_nothing_to_remove_is_an_empty_value():
    body = b'{"secret": "", "token": null, "apiKey": false}'

    assert redact(body) == body


def test_a_key_in_disguise():
    assert json.loads(redact(b'{"\\u0073ecret": "abc"}')) == {"secret": REDACTED}


def test_tokens_inside_values():
    jwt = "eyJhbGciOiJIUzI1NiJ9.eyJvcmdJZCI6IjEifQ.c2lnbmF0dXJl"
    body = {
        "metadata": {"session": jwt, "note": f"use {jwt} please"},
        "recordingUrl": "https://s3.example/a.wav?X-Amz-Credential=AKIA&X-Amz-Signature=abcdef&x=1",
    }

    text = redact(json.dumps(body).encode()).decode()

    assert jwt not in text
    assert json.loads(text) == {
        "metadata": {"session": REDACTED, "note": f"use {REDACTED} please"},
        "recordingUrl": f"https://s3.example/a.wav?X-Amz-Credential={REDACTED}&X-Amz-Signature={REDACTED}&x=1",
    }
