import json
import time
from datetime import UTC, datetime

import pytest
import yaml

from calls.tests.webhook.client import PAYLOADS
from calls.webhook import decode as decoding
from calls.webhook.decode import Message, NotJson, decode
from calls.webhook.kinds import KNOWN

ARGUMENTS = {"property_id": 7, "nested": {"a": [1]}}


def of(body: object) -> Message:
    return decode(json.dumps(body).encode())


def requests(message: Message) -> list[tuple[str, str, object]]:
    return [(request.id, request.name, request.arguments) for request in message.tool_calls]


SHAPES = {
    "live": {"toolCallList": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": ARGUMENTS}}]},
    "text": {"toolCallList": [{"id": "a", "function": {"name": "f", "arguments": json.dumps(ARGUMENTS)}}]},
    "pretty text": {
        "toolCallList": [{"id": "a", "function": {"name": "f", "arguments": json.dumps(ARGUMENTS, indent=2)}}]
    },
    "flat parameters": {"toolCallList": [{"id": "a", "name": "f", "parameters": ARGUMENTS}]},
    "flat arguments": {"toolCallList": [{"id": "a", "name": "f", "arguments": ARGUMENTS}]},
    "flat text": {"toolCallList": [{"id": "a", "name": "f", "arguments": json.dumps(ARGUMENTS)}]},
    "both names": {"toolCallList": [{"id": "a", "name": "f", "function": {"name": "f", "arguments": ARGUMENTS}}]},
    "toolCalls": {"toolCalls": [{"id": "a", "function": {"name": "f", "arguments": ARGUMENTS}}]},
    "with: parent name": {"toolWithToolCallList": [{"name": "f", "toolCall": {"id": "a", "parameters": ARGUMENTS}}]},
    "with: schema beside": {
        "toolWithToolCallList": [
            {
                "function": {"name": "f", "parameters": {"type": "object"}},
                "toolCall": {"id": "a", "parameters": ARGUMENTS},
            }
        ]
    },
    "with: function parameters": {
        "toolWithToolCallList": [
            {
                "name": "x",
                "parameters": {"type": "object"},
                "toolCall": {"id": "a", "function": {"name": "f", "parameters": ARGUMENTS}},
            }
        ]
    },
    "with: tool.name": {
        "toolWithToolCallList": [{"tool": {"name": "f"}, "toolCall": {"id": "a", "arguments": ARGUMENTS}}]
    },
    "legacy": {"functionCall": {"id": "a", "name": "f", "parameters": ARGUMENTS}},
    "legacy, id beside": {"functionCall": {"name": "f", "parameters": ARGUMENTS}, "toolCallId": "a"},
    "all lists": {
        "toolCalls": [{"id": "a", "function": {"name": "f", "arguments": ARGUMENTS}}],
        "toolCallList": [{"id": "a", "function": {"name": "f", "arguments": ARGUMENTS}}],
        "toolWithToolCallList": [
            {
                "type": "function",
                "function": {"name": "f", "parameters": {"type": "object"}},
                "toolCall": {"id": "a", "function": {"name": "f", "arguments": ARGUMENTS}},
            }
        ],
    },
    "one list knows the name, another the arguments": {
        "toolCallList": [{"id": "a", "function": {"arguments": ARGUMENTS}}],
        "toolWithToolCallList": [{"name": "f", "toolCall": {"id": "a"}}],
    },
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("kind", ["tool-calls", "tool_calls", None])
def test_tool_calls_in_every_shape(shape, kind):
    fields = dict(shape) if kind is None else {"type": kind, **shape}
    message = of({"message": {**fields, "call": {"id": "c"}}})

    assert message.is_tool_message
    assert requests(message) == [("a", "f", ARGUMENTS)]


def test_every_shape_has_the_same_fingerprint():
    found = {of({"message": {"type": "tool-calls", **shape}}).tool_calls[0].fingerprint for shape in SHAPES.values()}

    assert len(found) == 1


def test_parallel_calls_keep_their_order_and_each_id_comes_once():
    calls = [{"id": key, "function": {"name": "f", "arguments": {}}} for key in "cab"]
    message = of({"message": {"type": "tool-calls", "toolCallList": calls, "toolCalls": list(reversed(calls))}})

    assert [request.id for request in message.tool_calls] == ["c", "a", "b"]


@pytest.mark.parametrize("arguments", ["{bad", "[1]", "1", '"text"', [1], 5, True, "{" * 5000])
def test_arguments_nobody_can_read(arguments):
    message = of(
        {"message": {"type": "tool-calls", "toolCallList": [{"id": "a", "name": "f", "arguments": arguments}]}}
    )

    assert requests(message) == [("a", "f", None)]


@pytest.mark.parametrize("arguments", [None, "", "  ", {}, "{}"])
def test_no_arguments_are_none_given(arguments):
    message = of(
        {"message": {"type": "tool-calls", "toolCallList": [{"id": "a", "name": "f", "arguments": arguments}]}}
    )

    assert requests(message) == [("a", "f", {})]


@pytest.mark.parametrize("listed", [[], None, [None], [{}], [{"name": "f"}], "x", 5, [{"id": ""}], [{"id": None}]])
def test_a_tool_message_without_calls_has_none(listed):
    message = of({"message": {"type": "tool-calls", "toolCallList": listed, "call": {"id": "c"}}})

    assert (message.is_tool_message, message.tool_calls) == (True, [])


def test_a_log_entry_pasted_as_a_webhook():
    pasted = {"role": "tool_calls", "toolCalls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]}

    assert requests(of({"message": pasted})) == [("a", "f", {})]


def test_the_legacy_function_call_without_an_id_is_one_call():
    message = of({"message": {"type": "function-call", "functionCall": {"name": "f", "parameters": {}}}})

    assert (message.is_legacy, len(message.tool_calls)) == (True, 1)


def test_long_ids_are_echoed_whole_and_stored_distinct():
    first, second = ({"id": "x" * 300 + mark, "name": "f"} for mark in "ab")
    message = of({"message": {"type": "tool-calls", "toolCallList": [first, second]}})

    assert [request.id for request in message.tool_calls] == [first["id"], second["id"]]
    assert len({request.key for request in message.tool_calls}) == 2
    assert all(len(request.key) <= 200 for request in message.tool_calls)


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "text",
        5,
        True,
        {},
        {"message": None},
        {"message": []},
        {"message": "x"},
        {"message": {}},
        [[]],
        {"message": {"type": 5}},
        {"message": {"type": None}},
        {"message": {"type": {"a": 1}}},
        {"message": {"type": "hang", "call": None}},
        {"message": {"type": "hang", "call": []}},
        {"message": {"type": "hang", "call": "c"}},
        {"message": {"type": "hang", "call": {}}},
        {"message": {"type": "hang", "call": {"id": None}}},
        {"message": {"type": "hang", "call": {"id": ""}}},
        {"message": {"type": "hang", "call": {"id": "  "}}},
        {"message": {"type": "hang", "call": {"id": {}}}},
        {"message": {"type": "hang", "customer": 5, "phoneNumber": [], "assistant": "a", "timestamp": {}}},
    ],
)
def test_whatever_json_arrives_is_a_message_without_a_call(body):
    assert of(body).vapi_id is None


def test_the_call_may_stand_beside_the_message():
    assert of({"message": {"type": "hang"}, "call": {"id": "c"}}).vapi_id == "c"


def test_a_message_without_envelope():
    message = decode((PAYLOADS / "edge--docs-call.ended-without-envelope.json").read_bytes())

    assert (message.type, message.vapi_id) == ("call.ended", "call_abc123")


def test_the_fast_and_the_patient_way_agree(monkeypatch):
    body = {
        "type": "tool-calls",
        "timestamp": 1731157911127,
        **SHAPES["all lists"],
        "call": {"id": "c", "type": "outboundPhoneCall", "assistantId": "as", "customer": {"number": "+1312"}},
        "phoneNumber": {"number": "+1999"},
    }
    fast = of({"message": body})
    monkeypatch.setattr(decoding, "_fast", lambda *_: None)
    slow = of({"message": body})

    assert fast == slow
    assert (fast.direction, fast.customer_number, fast.dialled_number, fast.assistant_id) == (
        "outbound",
        "+1312",
        "+1999",
        "as",
    )


@pytest.mark.parametrize(
    "value", [1731157911127, 1731157911127.0, "1731157911127", 1731157911.127, "2024-11-09T13:11:51.127Z"]
)
def test_timestamps_in_every_spelling(value):
    message = of({"message": {"type": "hang", "timestamp": value, "call": {"id": "c"}}})

    assert abs(message.at_datetime - datetime(2024, 11, 9, 13, 11, 51, 127000, tzinfo=UTC)).total_seconds() < 0.001


@pytest.mark.parametrize("value", [None, "", "soon", True, [], {}, -5, 0, 1, 10**30, "1e400", "nan", "9999-12-31"])
def test_an_absurd_timestamp_is_the_time_of_arrival(value):
    message = of({"message": {"type": "hang", "timestamp": value, "call": {"id": "c"}}})

    assert abs(message.at / 1e6 - time.time()) < 5


@pytest.mark.parametrize(
    "text",
    [
        '"timestamp":1e400',
        '"timestamp":99999999999999999999999999',
        '"x":' + "9" * 6000,
        '"x":"\\ud800"',
        '"x":"\\u0000"',
        '"deep":' + "[" * 100_000 + "]" * 100_000,
        '"type":"hang"',
    ],
)
def test_what_the_fast_decoder_refuses_still_names_its_call(text):
    message = decode(('{"message":{"type":"hang",' + text + ',"call":{"id":"c\\u0000"}}}').encode())

    assert (message.type, message.vapi_id) == ("hang", "c")
    assert json.loads(message.body)["message"]["call"] in ({"id": "c"}, {"id": "c\0"})


@pytest.mark.parametrize("body", [b"", b"{", b'{"message":{"type":"hang"}', b'{"message":{"x":"\xff"}}', b'{"x":NaN}'])
def test_not_json(body):
    with pytest.raises(NotJson):
        decode(body)


@pytest.mark.parametrize("customer", [{}, {"number": None}, {"number": ""}, {"id": "c-1"}])
def test_an_empty_customer_does_not_hide_the_number_of_the_call(customer):
    call = {"id": "c", "customer": {"number": "+1312"}, "phoneNumber": {"number": "+1999"}}
    message = {"type": "tool-calls", **SHAPES["all lists"], "customer": customer, "phoneNumber": customer, "call": call}

    read = of({"message": message})

    assert (read.customer_number, read.dialled_number) == ("+1312", "+1999")


@pytest.mark.parametrize(
    ("kind", "direction"),
    [
        ("inboundPhoneCall", "inbound"),
        ("outboundPhoneCall", "outbound"),
        ("webCall", "web"),
        ("vapi.websocketCall", "web"),
        ("carrierPigeon", "inbound"),
    ],
)
def test_the_direction_is_told_by_the_kind_of_call(kind, direction):
    assert of({"message": {"type": "hang", "call": {"id": "c", "type": kind}}}).direction == direction


def fingerprint(**fields: object) -> bytes:
    return of({"message": {"type": "transcript", "timestamp": 1731157911127, **fields}}).fingerprint


def test_the_same_delivery_has_the_same_fingerprint_whatever_its_snapshots_say():
    first = fingerprint(transcript="a", call={"id": "c", "status": "queued"}, assistant={"name": "x"})
    again = fingerprint(transcript="a", call={"id": "c", "status": "ended"}, assistant={"name": "y"})

    assert first == again
    assert fingerprint(transcript="b", call={"id": "c"}) != first
    assert fingerprint(transcript="a", call={"id": "c"}, timestamp=1731157911128) != first


def test_the_time_tells_two_messages_apart_also_when_the_call_stands_beside():
    def delivered(timestamp: int) -> bytes:
        message = {"type": "speech-update", "role": "assistant", "status": "started", "timestamp": timestamp}
        return of({"message": message, "call": {"id": "c"}}).fingerprint

    assert delivered(1731157911127) == delivered(1731157911127)
    assert delivered(1731157911127) != delivered(1731157912127)


@pytest.mark.parametrize("beside", [{"call": {"id": "c"}}, {}], ids=["inside", "beside"])
def test_speech_without_a_time_or_a_turn_is_new_each_time(beside):
    def delivered(**fields: object) -> bytes:
        message = {"type": "speech-update", "role": "assistant", "status": "started", **beside, **fields}
        return of({"message": message, "call": {"id": "c"}}).fingerprint

    assert delivered() != delivered()
    assert delivered(type="user-interrupted") != delivered(type="user-interrupted")
    assert delivered(turn=0) == delivered(turn=0)
    assert delivered(timestamp=1731157911127) == delivered(timestamp=1731157911127)
    assert delivered(type="transcript", transcript="Yes.") == delivered(type="transcript", transcript="Yes.")


def report(**fields: object) -> bytes:
    return of(
        {"message": {"type": "end-of-call-report", "call": {"id": "c"}, "endedReason": "hangup", **fields}}
    ).fingerprint


def test_a_report_sent_again_with_new_links_and_a_new_time_is_the_same():
    links = {"presignedMonoUrl": "https://s3.example/a.wav?sig=1", "recordingUrl": "https://s3.example/a.wav?t=1"}
    renewed = {"presignedMonoUrl": "https://s3.example/b.wav?sig=2", "recordingUrl": "https://s3.example/a.wav?t=2"}

    assert report(artifact=links, timestamp=1731157911127) == report(artifact=renewed, timestamp=1731157999999)


def test_a_richer_report_is_another_event():
    assert report() != report(analysis={"summary": "Wanted a flat"})


def test_every_published_message_type_is_known_by_name():
    index = json.loads((PAYLOADS / "INDEX.json").read_text())
    documented = {entry["type"] for entry in index["files"] if entry["kind"] == "webhook" and entry["type"]}

    assert documented <= KNOWN
    assert set(yaml.safe_load((PAYLOADS / "server-message-types.yaml").read_text())) == KNOWN - {
        "language-changed",
        'transcript[transcriptType="partial"]',
        "assistant.started",
        "function-call",
    }
