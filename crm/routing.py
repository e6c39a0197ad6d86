"""Websocket paths. Origin and session are checked before any of these is reached."""

from django.urls import path

from crm.consumers import DeskConsumer

websocket_urlpatterns = [path("ws/desk", DeskConsumer.as_asgi())]
