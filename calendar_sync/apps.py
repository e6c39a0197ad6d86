from django.apps import AppConfig


class CalendarSyncConfig(AppConfig):
    name = "calendar_sync"
    verbose_name = "Calendars"

    def ready(self) -> None:
        from calendar_sync import checks, receivers, status
        from crm import calendar_status

        calendar_status.register(status.statuses)
        receivers.connect()
        checks.register()
