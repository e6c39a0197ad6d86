"""/api/v1, what calendar_sync answers. Every path with and without a final slash."""

from django.urls import URLPattern, URLResolver, re_path

from calendar_sync.people_api import PersonCalendarActView, PersonCalendarView

CALENDAR = "^agents/(?P<agent>[0-9]{1,18})/calendar"

urlpatterns: list[URLPattern | URLResolver] = [
    re_path(rf"{CALENDAR}/?$", PersonCalendarView.as_view(), name="api-agent-calendar"),
    re_path(
        rf"{CALENDAR}/(?P<action>[a-z-]{{1,20}})/?$", PersonCalendarActView.as_view(), name="api-agent-calendar-act"
    ),
]
