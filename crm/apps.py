from django.apps import AppConfig


class CrmConfig(AppConfig):
    name = "crm"
    verbose_name = "Leasing desk"

    def ready(self) -> None:
        # Shared tasks belong to the application that exists when they are queued, in every process.
        import config.celery  # noqa: F401
        from crm import receivers

        receivers.connect()
