import base64
import hashlib
import hmac
import time

import pytest

from calls.webhook.auth import Authenticator, HmacPlan, NotConfigured, Unauthenticated, authenticate

BODY = b'{"message": {"type": "hang"}}'
SECRET = b"s3cret"


def accepts(authenticator: Authenticator, *headers: tuple[bytes, bytes], body: bytes = BODY) -> bool:
    try:
        authenticator.check(list(headers), body, path="/vapi/webhook")
    except Unauthenticated:
        return False
    return True


def test_a_shared_secret_opens_in_either_header():
    door = Authenticator(SECRET, None)

    assert accepts(door, (b"x-vapi-secret", b"s3cret"))
    assert accepts(door, (b"authorization", b"Bearer s3cret"))
    assert accepts(door, (b"authorization", b"bearer  s3cret "))


@pytest.mark.parametrize(
    "header",
    [
        (b"x-vapi-secret", b""),
        (b"x-vapi-secret", b"s3cre"),
        (b"x-vapi-secret", b"s3cret "),
        (b"authorization", b"s3cret"),
        (b"authorization", b"Bearer "),
        (b"authorization", b"Bearer"),
        (b"authorization", b"Basic s3cret"),
        (b"authorization", b"Bearer \xff\xfe"),
        (b"x-signature", b"s3cret"),
    ],
)
def test_anything_else_does_not(header):
    assert not accepts(Authenticator(SECRET, None), header)


def test_an_empty_secret_never_matches_an_empty_header():
    hmac_only = Authenticator(b"", HmacPlan(b"key"))

    assert not accepts(hmac_only, (b"x-vapi-secret", b""))
    assert not accepts(hmac_only, (b"authorization", b"Bearer "))


def test_nothing_configured_keeps_the_door_shut():
    with pytest.raises(NotConfigured):
        Authenticator(b"", None).check([(b"x-vapi-secret", b"")], BODY)


def signed(plan: HmacPlan, at: str, body: bytes = BODY, payload: bytes | None = None) -> list[tuple[bytes, bytes]]:
    digest = hmac.new(plan.secret, payload or at.encode() + b"." + body, getattr(hashlib, plan.algorithm))
    text = base64.b64encode(digest.digest()).decode() if plan.encoding == "base64" else digest.hexdigest()
    return [(plan.signature_header, (plan.prefix + text).encode()), (plan.timestamp_header, at.encode())]


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
@pytest.mark.parametrize("encoding", ["hex", "base64"])
@pytest.mark.parametrize("prefix", ["", "sha256="])
def test_hmac_in_every_configuration(algorithm, encoding, prefix):
    plan = HmacPlan(b"key", algorithm=algorithm, encoding=encoding, prefix=prefix, signature_header=b"x-other")
    headers = signed(plan, str(int(time.time())))

    assert accepts(Authenticator(b"", plan), *headers)
    assert not accepts(Authenticator(b"", plan), *headers, body=BODY + b" ")
    if prefix:
        assert not accepts(Authenticator(b"", plan), (b"x-other", headers[0][1].removeprefix(b"sha256=")), headers[1])


@pytest.mark.parametrize("seconds_away", [-299, 0, 299])
@pytest.mark.parametrize("factor", [1, 1000])
def test_a_recent_timestamp_in_seconds_or_milliseconds(seconds_away, factor):
    plan = HmacPlan(b"key")

    assert accepts(Authenticator(b"", plan), *signed(plan, str(int((time.time() + seconds_away) * factor))))


STALE = pytest.param(str(int(time.time()) - 320), id="stale")


@pytest.mark.parametrize("at", ["", "soon", "0", "-1", "nan", "inf", STALE, str(10**30)])
def test_a_stale_or_unreadable_timestamp_does_not(at):
    plan = HmacPlan(b"key")

    assert not accepts(Authenticator(b"", plan), *signed(plan, at))


def test_a_payload_without_timestamp_needs_none():
    plan = HmacPlan(b"key", payload=b"{body}")
    digest = hmac.new(b"key", BODY, hashlib.sha256).hexdigest().encode()

    assert accepts(Authenticator(b"", plan), (b"x-signature", digest))


def test_a_payload_of_method_url_and_message_id():
    plan = HmacPlan(b"key", payload=b"{method} {url} {svix-id}.{timestamp}.{body}")
    at = str(int(time.time()))
    body = b"{body} and {timestamp} are not placeholders here"
    payload = b"POST https://desk.example/vapi/webhook msg_1." + at.encode() + b"." + body
    headers = [*signed(plan, at, payload=payload), (b"svix-id", b"msg_1")]

    assert accepts(Authenticator(b"", plan, "https://desk.example"), *headers, body=body)


@pytest.mark.parametrize("signature", [b"", b"zz", b"\xff", b"sha256=", b"=" * 44, b"00"])
def test_a_garbled_signature_is_refused_quietly(signature):
    plan = HmacPlan(b"key")

    assert not accepts(
        Authenticator(b"", plan), (b"x-signature", signature), (b"x-timestamp", str(time.time()).encode())
    )


def test_either_method_is_enough_when_both_are_configured():
    plan = HmacPlan(b"key")
    both = Authenticator(SECRET, plan)

    assert accepts(both, (b"x-vapi-secret", b"s3cret"))
    assert accepts(both, (b"x-vapi-secret", b""), *signed(plan, str(int(time.time()))))
    assert not accepts(both, (b"x-vapi-secret", b""))


def test_the_settings_configure_it(settings):
    settings.VAPI_WEBHOOK_SECRET = ""
    settings.VAPI_HMAC_SECRET = "key"
    settings.VAPI_HMAC_ALGORITHM = "SHA-512"
    settings.VAPI_HMAC_SIGNATURE_HEADER = "X-Sig"
    plan = HmacPlan(b"key", algorithm="sha512", signature_header=b"x-sig")

    authenticate(signed(plan, str(int(time.time()))), BODY)
    with pytest.raises(Unauthenticated):
        authenticate([], BODY)
