"""Connected calendars: pages, what programs ask for, sign-in and Microsoft's notifications."""

from django.urls import URLPattern, URLResolver, re_path
from django.views.generic import RedirectView

from calendar_sync import api, notifications, pages, views_auth

urlpatterns: list[URLPattern | URLResolver] = [
    re_path(r"^users/?$", pages.users, name="users"),
    re_path(r"^users/(?P<agent_id>[0-9]{1,18})/row$", pages.row, name="user-row"),
    re_path(r"^users/(?P<agent_id>[0-9]{1,18})/?$", RedirectView.as_view(pattern_name="calendar-health")),
    re_path(r"^users/(?P<agent_id>[0-9]{1,18})/calendar/?$", pages.health, name="calendar-health"),
    re_path(r"^users/(?P<agent_id>[0-9]{1,18})/calendar/(?P<action>[a-z-]+)$", pages.act, name="calendar-act"),
    re_path(r"^calendar/auth/start/?$", views_auth.start, name="calendar-auth-start"),
    # Without the slash: this is the address that Microsoft knows.
    re_path(r"^calendar/auth/callback$", views_auth.callback, name="calendar-auth-callback"),
    re_path(r"^calendar/auth/status/?$", views_auth.StatusView.as_view(), name="calendar-auth-status"),
    re_path(r"^calendar/choose/?$", views_auth.choose, name="calendar-choose"),
    re_path(r"^calendar/notifications/?$", notifications.receive, name="calendar-notifications"),
    re_path(r"^calendar/events/?$", api.EventsView.as_view(), name="calendar-events"),
    re_path(r"^calendar/availability/?$", api.CalendarAvailabilityView.as_view(), name="calendar-availability"),
]
