"""The stream's cleaner: what leaks is removed wherever the chunks end, and what is clean comes out as it went in."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from calls.llm.cleaner import Cleaner

PROMPT = "You are on the phone for a leasing office and find out what the caller is looking for. Ask ONE question."
MOST_HELD = 16

LEAKS = [
    ("Assistant: Hello there.", "Hello there."),
    ("Assistant: Assistant: Hello.", "Hello."),
    (" Assistant: Hello.", "Hello."),
    ("**Assistant:** Hello.", "Hello."),
    ("### Assistant:\nHello.", "Hello."),
    ("System: You are a leasing agent. Be brief.\nAssistant: Hello.", "Hello."),
    ("System: You are a leasing agent.\nUser: Hi\nAssistant: Hello.", "Hello."),
    ("System important rules follow Assistant: Hello.", "Hello."),
    ("User: I want a flat. Assistant: Sure.", "Sure."),
    ("Hello.\nUser: and now?\nAssistant: Now this.", "Hello.\nNow this."),
    ("Hello. Assistant: How are you?", "Hello. How are you?"),
    ("Hello.\nSystem: never say this", "Hello.\n"),
    ("Human: x\nAI: Yes.", "Yes."),
    ("<|im_start|>assistant\nHello.<|im_end|>", "Hello."),
    ("<|im_start|>system\nSecret.<|im_end|>\n<|im_start|>assistant\nHello.<|im_end|>", "Hello."),
    ("<|start_header_id|>assistant<|end_header_id|>\n\nHello.<|eot_id|>", "Hello."),
    ("<|start_header_id|>system<|end_header_id|>\n\nBe nice.<|eot_id|>Hello.", "Hello."),
    ("<start_of_turn>model\nHello.<end_of_turn>", "Hello."),
    ("<|system|>Secret</s><|assistant|>\nHello.</s>", "Hello."),
    ("<s>[INST] <<SYS>>secret<</SYS>> hi [/INST] Hello.", "Hello."),
    ("<think>\nThe caller wants…\n</think>\n\nHello.", "Hello."),
    ("<think>never closed", ""),
    ("Hello.<|im_e", "Hello."),
    ("Hello there.\nHello there.\n", "Hello there.\n"),
    ("Hello there.\nHello there.", "Hello there."),
    ("Hello there.\n\nHello there.\n\nBye now.", "Hello there.\n\nBye now."),
    ("One moment.\nLet me look.\nOne moment.\nLet me look.\nHere it is.", "One moment.\nLet me look.\nHere it is."),
    (PROMPT + "\nHello.", "Hello."),
    ("You are on the phone for a leasing office and find\nout what the caller is looking for. Hello.", "Hello."),
]
CLEAN = [
    "Hello there.",
    "You are on the phone with me.",
    "Assistance is near. Users like the system; the assistant: me.",
    "The rent is $1,850.00, 3.5 rooms, 0.5 miles, at 10:30. Call 312-555-0142.",
    "a < b and b <= c, arr[0] is [1, 2], x << 2",
    "5\n5\n0.10\n0.10\n",
    "- one\n- one\n",
    "```\nUser: admin\nAssistant: x\nAssistant: x\n<|im_end|>\n```\ndone",
    "Type `User: x` or ``System: y`` there.",
    "for x in y:\n    print(x)\n    print(x)\n}\n}\n",
    "  leading and trailing  ",
    "\n\nblank lines\n\n\n",
    "Option A: 5 rooms\nOption A: 6 rooms\nOption A: 5",
    "Ça va? …Très bien! 你好。\r\nÜber alles.",
    "Assist",
    "<",
    "<|",
    "`",
    "``",
    "",
]


def clean(text: str, cuts: list[int] | None = None, prompt: str = PROMPT) -> str:
    cleaner, said, start = Cleaner(prompt), "", 0
    for cut in [*sorted(cut % (len(text) + 1) for cut in cuts or []), len(text)]:
        said += cleaner.feed(text[start:cut])
        start = cut
    return said + cleaner.finish()


@pytest.mark.parametrize(("leaked", "wanted"), LEAKS)
def test_what_leaks_is_removed_in_one_piece_and_character_by_character(leaked, wanted):
    assert clean(leaked) == wanted
    assert clean(leaked, list(range(len(leaked)))) == wanted


@pytest.mark.parametrize("text", CLEAN)
def test_clean_text_code_and_numbers_pass_unchanged(text):
    assert clean(text) == text
    assert clean(text, list(range(len(text)))) == text


PIECES = st.sampled_from(
    [
        *("Assistant:", "User:", "System:", "### Assistant:\n", "System important", "AI: ", "**User:** "),
        *(
            "<|im_start|>",
            "<|im_end|>",
            "assistant\n",
            "system\n",
            "<think>",
            "</think>",
            "[INST]",
            "[/INST]",
            "<<SYS>>",
        ),
        *("```", "`", "\n", "\n\n", " ", ". ", "! ", "Hello there.", "Hello there.\n", "Yes", "5", "$1,850.00"),
        *(PROMPT, PROMPT[:40], "<", "<|", "|>", "[", "#", "*", "A", "…", "\r\n", "\u2028"),
    ]
)
MIXED = st.lists(st.one_of(PIECES, st.text(max_size=6)), max_size=14).map("".join)
CUTS = st.lists(st.integers(0, 10_000), max_size=30)


@settings(max_examples=300, deadline=None)
@given(text=MIXED, cuts=CUTS)
@example(text="Hello there.\nHello there.\nx", cuts=[13, 14, 20])
@example(text="``````", cuts=[4])
@example(text="````", cuts=[])
def test_any_chunking_gives_the_same_output(text, cuts):
    assert clean(text, cuts) == clean(text) == clean(text, list(range(len(text))))


# No marker can be made of these letters, and no line is long enough to be said twice.
PLAIN = st.text(alphabet="bcdefgijklmnopqrtvwxyz ,.!?-0123456789$%\n", max_size=300)


@settings(max_examples=300, deadline=None)
@given(
    text=PLAIN.filter(
        lambda text: len({line for line in text.split("\n") if line}) == len(list(filter(None, text.split("\n"))))
    ),
    cuts=CUTS,
)
def test_clean_text_is_hardly_held_back(text, cuts):
    cleaner, given_out, taken = Cleaner(PROMPT), "", ""
    for char in text:
        taken += char
        given_out += cleaner.feed(char)
        held = taken[len(given_out) :]
        assert taken.startswith(given_out)
        # White space waits for the word it belongs to, and the beginning of a line for what tells it from another.
        assert len(held.strip()) <= MOST_HELD or any(line.startswith(held.strip()) for line in given_out.split("\n"))
    assert given_out + cleaner.finish() == text


@given(
    numbers=st.lists(
        st.one_of(st.integers(), st.floats(allow_nan=False), st.decimals(allow_nan=False, allow_infinity=False)),
        min_size=1,
    ),
    joint=st.sampled_from([" ", "\n", ", ", ". "]),
    cuts=CUTS,
)
def test_numbers_are_never_mangled(numbers, joint, cuts):
    text = joint.join(map(str, numbers))
    assert clean(text, cuts) == text


@given(code=MIXED.filter(lambda text: "`" not in text), cuts=CUTS)
def test_fenced_code_is_never_touched(code, cuts):
    text = f"```\n{code}\n```"
    assert clean(text, cuts) == text


def test_cleaners_share_nothing():
    one, other = Cleaner(PROMPT), Cleaner("")
    one.feed("System: hidden")

    assert other.feed("I speak. ") == "I speak. "
    assert one.finish() == ""
