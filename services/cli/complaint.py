"""What the `quantum` command cannot do, as one line that says what to do instead."""

from quantum_common.settings import EXIT_CONFIG


class Complaint(Exception):
    """One line for the operator. `status` is the exit status of the command."""

    def __init__(self, text: str, status: int = EXIT_CONFIG) -> None:
        super().__init__(text)
        self.status = status
