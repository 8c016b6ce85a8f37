"""The command: `python -m` this package, or the script of the distribution's name."""

import logging
import sys

from .api import create_app
from .health import Health
from .logs import configure_logging
from .server import Server, listen
from .settings import SettingsError, load_settings, unknown_variables

logger = logging.getLogger(__package__)


def main() -> None:
    """Serve until told to stop.

    Exit with 0 after a clean stop, 1 where it cannot listen, 2 where a setting is wrong.
    """
    try:
        settings = load_settings()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    configure_logging(settings.log_level)
    for sentence in unknown_variables():
        logger.warning(sentence)
    try:
        listener = listen(settings.host, settings.port)
    except OSError as error:
        logger.critical("cannot listen where APP_HOST and APP_PORT say: %s", error.strerror)
        sys.exit(1)
    health = Health()
    app = create_app(settings, health=health)
    Server(app, settings, health).run(sockets=[listener])


if __name__ == "__main__":
    main()
