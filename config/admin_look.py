"""How Django admin looks and what its side bar lists."""

from typing import Any

from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

# Pete's blue, from light to dark.
PRIMARY = {
    "50": "#f1f3fd",
    "100": "#e0e4fa",
    "200": "#c5cdf6",
    "300": "#9fabee",
    "400": "#7684e4",
    "500": "#5263d8",
    "600": "#3a4fd0",
    "700": "#3241ab",
    "800": "#2c398a",
    "900": "#29346e",
    "950": "#191f43",
}


def link(title: Promise | str, icon: str, table: str) -> dict[str, Any]:
    """Return a line of the side bar, for those who may see the table ("app_model")."""
    app, model = table.split("_", 1)
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{table}_changelist"),
        "permission": lambda request: request.user.has_perm(f"{app}.view_{model}"),
    }


NAVIGATION: list[dict[str, Any]] = [
    {"items": [{"title": _("Health"), "icon": "monitor_heart", "link": reverse_lazy("admin:index")}]},
    {
        "title": _("Leads"),
        "separator": True,
        "items": [
            link(_("Leads"), "person_search", "crm_lead"),
            link(_("Tasks"), "task_alt", "crm_task"),
            link(_("Messages"), "outgoing_mail", "crm_outgoingmessage"),
            link(_("Notices"), "notifications", "crm_notice"),
        ],
    },
    {
        "title": _("Homes and viewings"),
        "separator": True,
        "items": [
            link(_("Listings"), "home_work", "crm_listing"),
            link(_("Viewings"), "event", "crm_appointment"),
            link(_("Busy times"), "event_busy", "crm_busytime"),
            link(_("Closures"), "door_front", "crm_closure"),
        ],
    },
    {
        "title": _("Calls"),
        "separator": True,
        "items": [
            link(_("Calls"), "call", "calls_call"),
            link(_("Tool calls"), "build", "calls_toolcall"),
            link(_("Deliveries"), "inbox", "calls_webhookevent"),
            link(_("Assistants"), "support_agent", "calls_assistant"),
        ],
    },
    {
        "title": _("Calendars"),
        "separator": True,
        "items": [
            link(_("Connections"), "sync", "calendar_sync_connection"),
            link(_("Outbox"), "outbox", "calendar_sync_push"),
        ],
    },
    {
        "title": _("Office"),
        "separator": True,
        "items": [
            link(_("People"), "group", "crm_agent"),
            link(_("API tokens"), "key", "crm_apitoken"),
            link(_("Audit"), "history", "crm_auditentry"),
            link(_("Booking rules"), "rule", "crm_officesettings"),
        ],
    },
]

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Pete CRM",
    "SITE_HEADER": "Pete CRM",
    "SITE_SUBHEADER": _("Administration"),
    "SITE_URL": "/dashboard",
    "SITE_SYMBOL": "real_estate_agent",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda _request: static("crm/favicon.svg")}],
    "SHOW_BACK_BUTTON": True,
    "COLORS": {"primary": PRIMARY},
    "LOGIN": {"form": "crm.admin_door.AdminSignInForm"},
    "STYLES": [lambda _request: static("crm/admin.css")],
    "SCRIPTS": [lambda _request: static("crm/admin.js")],
    "DASHBOARD_CALLBACK": "crm.admin.dashboard.with_health",
    "SIDEBAR": {"show_search": True, "show_all_applications": True, "navigation": NAVIGATION},
}
