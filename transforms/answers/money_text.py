"""What became of a determined row in money, in words: entitlement, payments, who else claims."""

from collections.abc import Mapping
from typing import Any

from transforms.amounts import yuan_text
from transforms.words import BETWEEN, NO_NAMES, Language, word

# So many digits has a day without signs between.
BARE_DAY = 8


def entitlement_text(
    entitlement: Mapping[str, Any],
    language: Language = "en",
    titles: Mapping[str, str] = NO_NAMES,
) -> str:
    """Write an entitlement: status, reason, and how its amount came about."""
    status, reasons = word(entitlement["status"], language), entitlement["reason"].split(",")
    reason = BETWEEN[language].join(word(one, language, titles) for one in reasons if one)
    reason = f" ({reason})" if reason else ""
    # A run of before claims had causes has none.
    cause = entitlement.get("cause") or ""
    if cause:
        rows = f" [{entitlement['cause_rows']}]" if entitlement["cause_rows"] else ""
        reason += f", {word(cause, language)}{rows}"
    return (
        f"{status}{reason}: determined {yuan_text(entitlement['determined_fen'])} 元, "
        f"paid before {yuan_text(entitlement['paid_before_fen'])} 元, "
        f"due {yuan_text(entitlement['due_fen'])} 元"
    )


def payment_text(payment: Mapping[str, Any]) -> str:
    """Write the instruction a row is part of."""
    return (
        f"batch {payment['batch_id']}, payment {payment['payment_id']}, "
        f"lines: {payment['line_count']}, together {yuan_text(payment['amount_fen'])} 元"
    )


def claim_text(
    claim: Mapping[str, Any], language: Language = "en", titles: Mapping[str, str] = NO_NAMES
) -> str:
    """Write one of the lines that claim the same person and month."""
    policy = word(claim["policy_id"], language, titles)
    return (
        f"{policy} {claim['period']} for {claim['beneficiary_id']}, "
        f"{yuan_text(claim['determined_fen'])} 元"
    )


def paid_text(
    paid: Mapping[str, Any], language: Language = "en", titles: Mapping[str, str] = NO_NAMES
) -> str:
    """Write a payment that its subject keeps by another row."""
    policy = word(paid["policy_id"], language, titles)
    return (
        f"{policy} {paid['period']} for {paid['beneficiary_id']}, payment "
        f"{paid['payment_id']}, {yuan_text(paid['amount_fen'])} 元"
    )


def bank_day_text(day: str) -> str:
    """Write a day of the bank's as every other day; what it wrote otherwise stays as it is.

    >>> bank_day_text("20200410"), bank_day_text("2020-04-10"), bank_day_text("")
    ('2020-04-10', '2020-04-10', '')
    """
    is_bare = len(day) == BARE_DAY and day.isdecimal()
    return f"{day[:4]}-{day[4:6]}-{day[6:]}" if is_bare else day
