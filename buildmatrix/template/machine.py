"""What templates take from the machine of a run: the time, and its platform. Each once, and only if a template asks."""

import os
import re
import sys
import time
from collections.abc import Mapping
from functools import cached_property

from buildmatrix.git.facts import rfc3339
from buildmatrix.oci.platform import of_machine
from buildmatrix.template.scope import BadTemplateError

EPOCH = "SOURCE_DATE_EPOCH"


class Machine:
    """The machine of a run, or what a saved plan says of the one that it was made on.

    `known` holds `now` and `platform` where a saved plan has them; `environment` may hold SOURCE_DATE_EPOCH, which goes
    before the clock.
    """

    def __init__(self, known: Mapping[str, str], environment: Mapping[str, str]) -> None:
        self._known, self._environment = known, environment

    @cached_property
    def now(self) -> str:
        """The time of the run, RFC 3339 in UTC: the same for all templates. BadTemplateError for a bad epoch."""
        return self._known.get("now") or epoch_time(self._environment) or rfc3339(int(time.time()))

    @cached_property
    def platform(self) -> str:
        """The platform that this machine's images are for: `linux/arm64` also on a Mac, whose engine runs Linux."""
        return self._known.get("platform") or of_machine(
            "windows" if sys.platform == "win32" else "linux", os.uname().machine
        )

    def asked(self) -> dict[str, str]:
        """Return what templates asked for, by `now` and `platform`."""
        return {name: vars(self)[name] for name in ("now", "platform") if name in vars(self)}


def bad_epoch(environment: Mapping[str, str]) -> str:
    """Return what is wrong with SOURCE_DATE_EPOCH, which builds heed; "" if it is a time, empty or not set."""
    try:
        return epoch_time(environment) and ""
    except BadTemplateError as error:
        return str(error)


def epoch_time(environment: Mapping[str, str]) -> str:
    """Return the time of SOURCE_DATE_EPOCH, "" where there is none; BadTemplateError where it is not a time."""
    if not (epoch := environment.get(EPOCH)):
        return ""
    try:
        # Python would take `1_000` and spaces, which buildx does not
        return rfc3339(int(epoch if re.fullmatch(r"[+-]?[0-9]+", epoch) else ""))
    except (ValueError, OverflowError, OSError):
        raise BadTemplateError(f'{EPOCH} is "{epoch}", which is not a valid number of seconds since 1970') from None
