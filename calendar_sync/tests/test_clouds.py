from __future__ import annotations

import pytest

from calendar_sync.clouds import PERSONAL_TENANT, Cloud, cloud, is_configured

WORLD = ("https://login.microsoftonline.com/organizations", "https://graph.microsoft.com/v1.0")
TENANT = "8d0f3c51-1f5e-4a55-9a5b-2f5a7f3a9d10"


def configured(settings, authority: str, graph_url: str, sandbox_url: str = "") -> Cloud:
    settings.MS_AUTHORITY, settings.GRAPH_URL, settings.MS_SANDBOX_URL = authority, graph_url, sandbox_url
    return cloud()


@pytest.mark.parametrize(
    ("authority", "graph_url", "prefix"),
    [
        (*WORLD, "https://graph.microsoft.com"),
        ("https://login.microsoftonline.us/organizations", "https://graph.microsoft.us/v1.0", None),
        ("https://login.microsoftonline.us/organizations", "https://dod-graph.microsoft.us/v1.0", None),
        (
            "https://login.partner.microsoftonline.cn/organizations",
            "https://microsoftgraph.chinacloudapi.cn/v1.0",
            None,
        ),
        ("https://login.sovcloud-identity.fr/organizations", "https://graph.svc.sovcloud.fr/v1.0", None),
    ],
)
def test_each_cloud_asks_for_its_own_scopes(settings, authority, graph_url, prefix):
    found = configured(settings, authority, graph_url)

    prefix = prefix or graph_url.removesuffix("/v1.0")
    assert found.scopes == [f"{prefix}/Calendars.ReadWrite", f"{prefix}/User.Read"]
    assert found.graph_url == graph_url
    assert found.mismatch() == ""


def test_the_stand_in_is_asked_with_microsofts_names(settings):
    found = configured(settings, WORLD[0], "http://127.0.0.1:8765/v1.0", "http://127.0.0.1:8765")

    assert found.scopes[0] == "https://graph.microsoft.com/Calendars.ReadWrite"
    assert found.admin_consent_url("app") == "http://127.0.0.1:8765/login/organizations/adminconsent?client_id=app"
    assert found.mismatch() == ""


def test_two_clouds_mixed_are_noticed(settings):
    found = configured(settings, "https://login.microsoftonline.us/organizations", WORLD[1])

    assert "GRAPH_URL is not at https://graph.microsoft.us" in found.mismatch()


def test_one_tenant_keeps_the_others_out(settings):
    single = configured(settings, f"https://login.microsoftonline.com/{TENANT}", WORLD[1])
    many = configured(settings, *WORLD)

    assert (single.accepts(TENANT), single.accepts("other"), single.accepts(PERSONAL_TENANT)) == (True, False, False)
    assert (many.accepts(TENANT), many.accepts("other"), many.accepts(PERSONAL_TENANT)) == (True, True, False)
    assert single.admin_consent_url("app") == f"https://login.microsoftonline.com/{TENANT}/adminconsent?client_id=app"


@pytest.mark.parametrize(
    ("granted", "suffices"),
    [
        ("https://graph.microsoft.com/Calendars.ReadWrite https://graph.microsoft.com/User.Read openid", True),
        ("calendars.readwrite User.Read", True),
        ("Calendars.Read User.Read", False),
        ("", False),
    ],
)
def test_the_calendar_must_be_among_what_was_granted(settings, granted, suffices):
    assert configured(settings, *WORLD).grants_calendar(granted) is suffices


def test_without_an_application_nobody_connects(settings):
    settings.MS_CLIENT_ID, settings.MS_CLIENT_SECRET = "app", ""

    assert not is_configured()
