import pytest

from config import environment as env
from config.environment import ConfigurationError


def test_text_reads_the_variable_else_the_file_else_the_default(monkeypatch, tmp_path):
    monkeypatch.setenv("PETE_A", " plain ")
    secret = tmp_path / "a secret"
    secret.write_text("from a file\n")
    monkeypatch.setenv("PETE_B_FILE", str(secret))
    monkeypatch.setenv("PETE_EMPTY", "")

    values = [env.text("PETE_A"), env.text("PETE_B"), env.text("PETE_EMPTY", "default"), env.optional("PETE_C")]

    assert values == ["plain", "from a file", "default", None]


def test_text_names_the_missing_variable(monkeypatch):
    monkeypatch.delenv("PETE_A", raising=False)

    with pytest.raises(ConfigurationError, match=r"PETE_A is not set\. Set PETE_A, or PETE_A_FILE"):
        env.text("PETE_A")


def test_text_refuses_a_variable_given_twice(monkeypatch):
    monkeypatch.setenv("PETE_A", "one")
    monkeypatch.setenv("PETE_A_FILE", "/two")

    with pytest.raises(ConfigurationError, match="both set"):
        env.text("PETE_A")


def test_text_refuses_a_file_that_cannot_be_read(monkeypatch, tmp_path):
    monkeypatch.setenv("PETE_A_FILE", str(tmp_path / "absent"))

    with pytest.raises(ConfigurationError, match="PETE_A_FILE names a file that cannot be read"):
        env.text("PETE_A", "default")


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        (lambda name: env.boolean(name, False), "Yes", True),
        (lambda name: env.boolean(name, True), "0", False),
        (lambda name: env.integer(name, 1, minimum=1), "42", 42),
        (lambda name: env.listing(name), " a, b ,,c ", ["a", "b", "c"]),
        (lambda name: env.choice(name, "redis", ["redis", "memory"]), "memory", "memory"),
        (lambda name: env.url(name), "https://pete.example.com/", "https://pete.example.com"),
        (lambda name: env.zone(name, "UTC").key, "Europe/London", "Europe/London"),
        (lambda name: env.region(name, "US"), "gb", "GB"),
    ],
)
def test_typed_helpers_read_a_good_value(monkeypatch, read, value, expected):
    monkeypatch.setenv("PETE_A", value)

    assert read("PETE_A") == expected


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (lambda name: env.boolean(name, False), "perhaps"),
        (lambda name: env.integer(name, 1), "1.5"),
        (lambda name: env.integer(name, 1, minimum=1), "0"),
        (lambda name: env.integer(name, 1, maximum=65535), "65536"),
        (lambda name: env.choice(name, "redis", ["redis", "memory"]), "disk"),
        (lambda name: env.url(name), "pete.example.com"),
        (lambda name: env.zone(name, "UTC"), "Middle/Earth"),
        (lambda name: env.zone(name, "UTC"), "../../etc/passwd"),
        (lambda name: env.region(name, "US"), "USA"),
    ],
)
def test_typed_helpers_name_the_variable_with_a_bad_value(monkeypatch, read, value):
    monkeypatch.setenv("PETE_A", value)

    with pytest.raises(ConfigurationError, match=r"^PETE_A must be"):
        read("PETE_A")
