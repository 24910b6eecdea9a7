"""Numbers of things in words: singular for one, plural else."""


def counted(number: int, noun: str) -> str:
    """Return a number and its noun, with an s unless the number is 1.

    Examples
    --------
    >>> counted(1, "claim"), counted(0, "claim"), counted(2, "hidden layer")
    ('1 claim', '0 claims', '2 hidden layers')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
