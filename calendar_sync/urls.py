"""Connected calendars: pages, what programs ask for, sign-in and Microsoft's notifications."""

from django.urls import URLPattern, URLResolver, re_path

from calendar_sync import api

urlpatterns: list[URLPattern | URLResolver] = [
    re_path(r"^calendar/events/?$", api.EventsView.as_view(), name="calendar-events"),
    re_path(r"^calendar/availability/?$", api.CalendarAvailabilityView.as_view(), name="calendar-availability"),
]
