#!/usr/bin/env python
"""Django's management commands, against the same stores as `make run`: started for the command when they are not up."""

import os
import sys

# These read no store. Everything else may.
WITHOUT_STORES = {"check", "collectstatic", "compilemessages", "diffsettings", "help", "makemessages", "version"}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line

    from config.embedded import EmbeddedStoresError
    from config.environment import ConfigurationError
    from config.launch_stores import held_stores

    try:
        if needs_stores(sys.argv):
            with held_stores():
                execute_from_command_line(sys.argv)
        else:
            execute_from_command_line(sys.argv)
    except ConfigurationError as exc:
        sys.exit(f"Configuration: {exc}")
    except EmbeddedStoresError as exc:
        sys.exit(str(exc))


def needs_stores(argv: list[str]) -> bool:
    return len(argv) > 1 and argv[1] not in WITHOUT_STORES and not {"-h", "--help", "--version"} & set(argv)


if __name__ == "__main__":
    main()
