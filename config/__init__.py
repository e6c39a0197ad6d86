"""Wiring: settings, urls, asgi, celery, and the stores and processes that `make run` starts."""
