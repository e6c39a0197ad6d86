from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CalendarSyncConfig(AppConfig):
    name = "calendar_sync"
    verbose_name = _("Calendars")

    def ready(self) -> None:
        from calendar_sync import audited, checks, erasing, first_steps, rail, receivers, status
        from crm import calendar_status
        from crm.pages import places

        calendar_status.register(status.statuses)
        places.register_count("users", rail.people_to_look_at)
        first_steps.connect()
        receivers.connect()
        checks.register()
        audited.connect()
        erasing.connect()
