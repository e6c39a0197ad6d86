"""Websocket paths. Origin and session are checked before any of these is reached."""

from django.urls import path

from calls.consumers import CallConsumer, LiveConsumer
from calls.tower.sound import ListenConsumer

websocket_urlpatterns = [
    path("ws/live", LiveConsumer.as_asgi()),
    path("ws/live/", LiveConsumer.as_asgi()),
    path("ws/listen", ListenConsumer.as_asgi()),
    path("ws/calls/<str:call>", CallConsumer.as_asgi()),
    path("ws/calls/<str:call>/", CallConsumer.as_asgi()),
]
