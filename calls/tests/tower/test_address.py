import pytest

from calls.tower.address import is_control, is_listen

HOST = "phone-call-websocket.aws-us-west-2-backend-production1.vapi.ai"
PATH = "/7420f27a-30fd-4f49-a995-5549ae7cc00d/control"


@pytest.mark.parametrize("address", [f"https://{HOST}{PATH}", f"https://a.vapi.ai{PATH}", "https://a.b.vapi.ai/x"])
def test_vapis_own_addresses_may_be_posted_to(address):
    assert is_control(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        f"http://{HOST}{PATH}",
        f"wss://{HOST}{PATH}",
        f"//{HOST}{PATH}",
        f"ftp://{HOST}{PATH}",
        f"file://{HOST}{PATH}",
        # Whose host it is.
        f"https://evilvapi.ai{PATH}",
        f"https://a.evilvapi.ai{PATH}",
        f"https://vapi.ai.evil.com{PATH}",
        f"https://a.vapi.ai.evil.com{PATH}",
        f"https://vapi.ai{PATH}",
        f"https://a.vapi.aix{PATH}",
        f"https://a-vapi.ai{PATH}",
        f"https://a.vapi.com{PATH}",
        # Who is asked to sign in, and where.
        f"https://user@{HOST}{PATH}",
        f"https://user:password@{HOST}{PATH}",
        f"https://{HOST}@evil.com{PATH}",
        f"https://evil.com#@{HOST}{PATH}",
        f"https://evil.com?@{HOST}{PATH}",
        f"https://evil.com\\@{HOST}{PATH}",
        f"https://{HOST}:443{PATH}",
        f"https://{HOST}:8443{PATH}",
        f"https://{HOST}:{PATH}",
        f"https://{HOST}:80@evil.com{PATH}",
        # Addresses in digits.
        f"https://127.0.0.1{PATH}",
        f"https://[::1]{PATH}",
        f"https://[::ffff:169.254.169.254]{PATH}",
        f"https://2130706433{PATH}",
        f"https://0x7f000001{PATH}",
        f"https://169.254.169.254/{HOST}",
        f"https://localhost{PATH}",
        # The same letters to a reader, other ones to a resolver.
        f"https://a.vapi.ai.{PATH}",
        f"https://a.vapi。ai{PATH}",
        f"https://a.vapi.аi{PATH}",
        f"https://a.ｖapi.ai{PATH}",
        f"https://a.vapi.ai\u200b{PATH}",
        f"https://ⓐ.vapi.ai{PATH}",
        f"https://a..vapi.ai{PATH}",
        f"https://.vapi.ai{PATH}",
        f"https://-a.vapi.ai{PATH}",
        f"https://a_b.vapi.ai{PATH}",
        f"https://a%2evapi.ai{PATH}",
        f"https://evil.com%2f.vapi.ai{PATH}",
        f"https://{'a' * 64}.vapi.ai{PATH}",
        f"https://{'a.' * 9}vapi.ai{PATH}",
        # White space and line ends, which end a header or are dropped by some.
        f" https://{HOST}{PATH}",
        f"https://{HOST}{PATH}\n",
        f"https://{HOST}/x\r\nHost: evil.com",
        f"https://{HOST}/a b",
        f"https://{HOST}\t{PATH}",
        f"https://{HOST}/\x00",
        # What a control address never has.
        f"https://{HOST}",
        f"https://{HOST}/",
        f"https://{HOST}{PATH}?next=https://evil.com",
        f"https://{HOST}{PATH}#fragment",
        f"https://{HOST}/a/../b",
        f"https://{HOST}//evil.com",
        f"https://{HOST}/%2e%2e",
        f"https://{HOST}/{'a' * 1000}",
        f"HTTPS://{HOST}{PATH}",
    ],
)
def test_other_addresses_are_refused(address):
    assert not is_control(address)


def test_sound_is_fetched_from_the_same_hosts_over_wss():
    assert is_listen(f"wss://{HOST}/7420f27a/listen")
    assert not is_listen(f"ws://{HOST}/7420f27a/listen")
    assert not is_listen(f"https://{HOST}/7420f27a/listen")
    assert not is_listen("wss://evilvapi.ai/listen")
