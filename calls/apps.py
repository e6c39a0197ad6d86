from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CallsConfig(AppConfig):
    name = "calls"
    verbose_name = _("Calls")

    def ready(self) -> None:
        from calls import (
            audited,
            checks,
            erasing,
            exports,
            first_steps,
            listing_figures,
            palette,
            projection,
            receivers,
            retention,
        )
        from crm import freshness

        # Who got an answer from the webhook finds its effects in the API.
        freshness.register(projection.settle)
        receivers.connect()
        retention.connect()
        palette.connect()
        first_steps.connect()
        checks.register()
        audited.connect()
        exports.connect()
        erasing.connect()
        listing_figures.register()
