import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls.webhook import lenient
from calls.webhook.lenient import MAX_DEPTH, NotJson, _Deep, parse

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_the_parser_with_its_own_stack_reads_what_the_standard_one_reads(value):
    text = json.dumps(value, indent=random.choice([None, 1]))

    assert _Deep(text).parse() == json.loads(text)


@given(st.text('{}[]:,"1-. enul\\t', max_size=12))
def test_it_refuses_what_the_standard_one_refuses(text):
    try:
        expected = json.loads(text, parse_constant=lambda name: 1 / 0)
    except (ValueError, ZeroDivisionError):
        with pytest.raises(NotJson):
            _Deep(text).parse()
    else:
        assert _Deep(text).parse() == expected


@pytest.mark.parametrize("opening", ['{"a":', "[", '[{"a":[', '{"a":1,"b":['])
def test_any_depth_is_read_and_kept_to_the_limit(opening):
    closing = "".join({"{": "}", "[": "]"}[mark] for mark in reversed(opening) if mark in "{[")
    tree = parse((opening * 50_000 + "1" + closing * 50_000).encode())

    depth = 0
    while isinstance(tree, dict | list) and tree:
        tree = list(tree.values())[-1] if isinstance(tree, dict) else tree[-1]
        depth += 1
    assert (tree, depth) == (None, MAX_DEPTH + 1)


@pytest.mark.parametrize("text", ["[" * 100_000, "[" * 100_000 + "]" * 99_999, '{"a":' * 100_000 + "}" * 100_000])
def test_deep_and_cut_off_is_not_json(text):
    with pytest.raises(NotJson):
        parse(text.encode())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b'{"a":',
        b'"a',
        b"NaN",
        b'{"a":NaN}',
        b"[Infinity]",
        b"-Infinity",
        b"\xff",
        b'"\xc3"',
        b'"a\x00b"',
        b"{'a':1}",
        b"[1,]",
        b"01",
        b"\xfe\xff\x00{\x00}",
        b"nul",
        b"{} {}",
    ],
)
def test_not_json(body):
    with pytest.raises(NotJson):
        parse(body)


@pytest.mark.parametrize(
    ("body", "tree"),
    [
        (b"null", None),
        (b"\xef\xbb\xbf{}", {}),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b'"a\\u0000b\\ud800c"', "ab\ufffdc"),
        (b'{"\\ud83d\\ude00\\udc00":1}', {"\U0001f600\ufffd": 1}),
        (b"1e400", None),
        (b"-1e400", None),
        (b"9" * 5000, None),
        (b"99999999999999999999999999", 1e26),
        (b"9223372036854775807", 2**63 - 1),
    ],
)
def test_what_stores_cannot_hold_is_made_holdable(body, tree):
    assert parse(body) == tree
    assert lenient.encode(parse(body))
