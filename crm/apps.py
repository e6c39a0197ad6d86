from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _


class CrmConfig(AppConfig):
    name = "crm"
    verbose_name = _("Leasing desk")

    def ready(self) -> None:
        # Shared tasks belong to the application that exists when they are queued, in every process.
        import config.celery  # noqa: F401
        from config import admin_words
        from crm import first_steps, notice_causes, palette, photos, receivers, retention
        from crm.audit import centre, checks, work
        from crm.exports import lists, person
        from crm.hooks import events
        from crm.pages import notifications, places
        from crm.search import anything

        admin_words.translate_names(apps.get_models())
        centre.connect()
        lists.connect()
        person.connect()
        work.connect()
        checks.register()
        receivers.connect()
        events.connect()
        notice_causes.connect()
        anything.connect()
        palette.connect()
        first_steps.connect()
        retention.register("keep_idle_leads_days", retention.forget_idle_leads)
        places.register_count("notifications", notifications.bell)
        photos.connect()
