"""Ray's long error messages, shortened to one line."""


def first_sentence(error: Exception) -> str:
    """Return how a message begins."""
    return str(error).splitlines()[0].split(". ")[0]


def last_line(error: Exception) -> str:
    """Return the cause, which tracebacks of remote processes end with."""
    return str(error).strip().splitlines()[-1].strip().split(". ")[0]
