"""The day a payment is asked for: the first working day of mainland China from a day on."""

from datetime import date, timedelta

from chinese_calendar import is_workday

from transforms.errors import ParameterMissingError


def next_working_day(day: date) -> date:
    """Return the day itself if it is a working day, else the next one, make-up days counted.

    >>> next_working_day(date(2020, 1, 24))
    datetime.date(2020, 2, 3)

    Raises:  ParameterMissingError for a year whose holidays are not known yet
    """
    try:
        while not is_workday(day):
            day += timedelta(days=1)
    except NotImplementedError as unknown:
        raise ParameterMissingError(
            f"the holidays of {day.year} are not known to this version: no working day can be "
            "named; install a newer chinesecalendar"
        ) from unknown
    return day


def is_unknown(day: date) -> bool:
    """Say whether the day that a payment of a day is asked for can't be named yet.

    >>> is_unknown(date(2020, 1, 24)), is_unknown(date(2099, 1, 24))
    (False, True)
    """
    try:
        return not next_working_day(day)
    except ParameterMissingError:
        return True


def working_day_after(day: date, count: int) -> date:
    """Return the day by which so many working days have passed since a day.

    >>> working_day_after(date(2020, 4, 3), 1)
    datetime.date(2020, 4, 7)

    Raises:  ParameterMissingError for a year whose holidays are not known yet
    """
    for _ in range(count):
        day = next_working_day(day + timedelta(days=1))
    return day


def working_days_between(first: date, last: date) -> int:
    """Count the working days after one day, up to another and with it.

    >>> working_days_between(date(2020, 4, 3), date(2020, 4, 7))
    1

    Raises:  ParameterMissingError for a year whose holidays are not known yet
    """
    days = (first + timedelta(days=number) for number in range(1, (last - first).days + 1))
    return sum(next_working_day(day) == day for day in days)
