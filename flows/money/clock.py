"""What day it is: keys have days of validity, and nothing else looks at the clock."""

from datetime import datetime, timedelta, timezone

CHINA = timezone(timedelta(hours=8))


def today() -> str:
    """Return the day in China."""
    return datetime.now(CHINA).date().isoformat()
