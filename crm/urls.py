"""The service's own endpoints. Programs may put a slash at the end or not; nothing redirects."""

from django.urls import URLPattern, URLResolver, path, re_path

from crm import service

urlpatterns: list[URLPattern | URLResolver] = [
    path("", service.index, name="index"),
    re_path(r"^health/?$", service.health, name="health"),
    re_path(r"^ready/?$", service.ready, name="ready"),
    re_path(r"^metrics/?$", service.metrics, name="metrics"),
]
