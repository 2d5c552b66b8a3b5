"""Every way the product stops on purpose, each with the exit code that scripts rely on."""


class WuxingError(Exception):
    """Stop with a message a clerk understands: what, where, expected and found, what to do."""

    exit_code = 1


class UsageError(WuxingError):
    """A command was called with words it does not take."""

    exit_code = 2


class DropRefusedError(WuxingError):
    """A drop, or a file someone handed in, can't be used as it is."""

    exit_code = 10


class MachineDeniedError(WuxingError):
    """The machine denied space, memory, handles or a right; nothing was changed."""

    exit_code = 10


class ParameterMissingError(WuxingError):
    """No parameter is in force on the date asked for."""

    exit_code = 11


class GateStoppedError(WuxingError):
    """A critical expectation failed; no batch was drafted. `run_id`: the run that says why."""

    exit_code = 12

    def __init__(self, said: str, run_id: str = "") -> None:
        super().__init__(said)
        self.run_id = run_id


class LedgerForbidsError(WuxingError):
    """The state of the ledger or of a batch does not allow this."""

    exit_code = 13


class DigestDiffersError(WuxingError):
    """A digest, a replay or a signature is not what was recorded."""

    exit_code = 14


class HomeBusyError(WuxingError):
    """Another run holds the home folder."""

    exit_code = 15


class ContractError(WuxingError):
    """A promise between two parts of the program is broken: a bug, never bad data."""

    exit_code = 1


class RuleError(ContractError):
    """A card, a rule's SQL or kinds.yaml is not as its author must write it."""

    exit_code = 10
