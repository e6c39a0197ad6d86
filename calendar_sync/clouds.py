"""Which Microsoft cloud this installation speaks to: where people sign in, where Graph is, what is asked for.

Three settings decide: MS_AUTHORITY (with a tenant's GUID in place of "organizations" for one company), GRAPH_URL, and
MS_SANDBOX_URL for the stand-in.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings

# Graph's address in each cloud, by the host where its people sign in. It is also the prefix of the scopes.
GRAPH_OF_LOGIN = {
    "login.microsoftonline.com": "https://graph.microsoft.com",
    "login.microsoftonline.us": "https://graph.microsoft.us",
    "login.partner.microsoftonline.cn": "https://microsoftgraph.chinacloudapi.cn",
}
# The US cloud has two: the second is the Department of Defense's.
GRAPH_HOSTS = {*GRAPH_OF_LOGIN.values(), "https://dod-graph.microsoft.us"}
# Of these, the calendar's is what Pete cannot do without.
CALENDAR_SCOPE = "Calendars.ReadWrite"
SCOPES = (CALENDAR_SCOPE, "User.Read")
# Where accounts live that belong to no company.
PERSONAL_TENANT = "9188040d-6c67-4c5b-b112-36a304b66dad"


@dataclass(frozen=True)
class Cloud:
    """One cloud. `graph_url` ends with the version, `scope_prefix` is Graph's own address there."""

    authority: str
    graph_url: str
    scope_prefix: str
    sandbox_url: str = ""

    @property
    def login_host(self) -> str:
        return urlsplit(self.authority).hostname or ""

    @property
    def is_known(self) -> bool:
        """Say whether sign-in is at Microsoft, where it need not be asked whether it is."""
        return self.login_host in GRAPH_OF_LOGIN

    @property
    def scopes(self) -> list[str]:
        """Return what is asked for, always in this form: in another one MSAL would not find it again."""
        return [f"{self.scope_prefix}/{name}" for name in SCOPES]

    @property
    def tenant(self) -> str:
        """Return the one tenant people must come from; "" when any company's may."""
        name = urlsplit(self.authority).path.strip("/")
        try:
            return str(UUID(name))
        except ValueError:
            return ""

    def accepts(self, tenant_id: str) -> bool:
        """Say whether people of a tenant may connect."""
        return tenant_id == self.tenant if self.tenant else tenant_id != PERSONAL_TENANT

    def grants_calendar(self, granted: str) -> bool:
        """Say whether the scopes that came back, separated by spaces, suffice."""
        names = {scope.removeprefix(f"{self.scope_prefix}/").casefold() for scope in granted.split()}
        return CALENDAR_SCOPE.casefold() in names

    def admin_consent_url(self, client_id: str) -> str:
        """Return where an administrator of a company agrees for everybody in it."""
        base = f"{self.sandbox_url}/login/organizations" if self.sandbox_url else self.authority
        return f"{base}/adminconsent?client_id={client_id}"

    def mismatch(self) -> str:
        """Return a sentence when sign-in and Graph belong to different clouds, else ""."""
        wanted = GRAPH_OF_LOGIN.get(self.login_host)
        if not wanted or self.scope_prefix == wanted or self.sandbox_url:
            return ""
        if self.scope_prefix == "https://dod-graph.microsoft.us" and self.login_host.endswith(".us"):
            return ""
        return f"MS_AUTHORITY is at {self.login_host}, but GRAPH_URL is not at {wanted}."


def cloud() -> Cloud:
    """Return the cloud that the settings name."""
    parts = urlsplit(settings.GRAPH_URL)
    origin = f"{parts.scheme}://{parts.netloc}"
    by_login = GRAPH_OF_LOGIN.get(urlsplit(settings.MS_AUTHORITY).hostname or "", origin)
    # Graph may lie behind another address, as the stand-in's does; its scopes keep Microsoft's name.
    prefix = origin if origin in GRAPH_HOSTS or not settings.MS_SANDBOX_URL else by_login
    return Cloud(settings.MS_AUTHORITY, settings.GRAPH_URL, prefix, settings.MS_SANDBOX_URL)


def is_configured() -> bool:
    """Say whether anybody can connect at all."""
    return bool(settings.MS_CLIENT_ID and settings.MS_CLIENT_SECRET)
