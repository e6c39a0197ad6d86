"""Addresses of what every page has: notifications, and who looks at what."""

from django.urls import path

from crm.pages import notifications, presence

urlpatterns = [
    path("presence/<slug:kind>/<int:pk>", presence.look, name="presence"),
    path("notifications", notifications.notifications, name="notifications"),
    path("notifications/read", notifications.read, name="notifications-read"),
    path("notifications/unread", notifications.unread, name="notifications-unread"),
    path("notifications/news", notifications.news, name="notifications-news"),
    path("notifications/wishes", notifications.wishes, name="notifications-wishes"),
]
