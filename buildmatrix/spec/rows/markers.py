"""Markers of rows that say what a value means to the checks of a plan."""


class Where:
    """The value is part of the place that the table writes to: two that differ in it are two.

    `unset` is what is meant where it is not given; with `several`, values are listed with that sign between them, and
    each is a place.
    """

    def __init__(self, unset: str = "", several: str = "") -> None:
        """Take the default and the sign."""
        self.unset, self.several = unset, several


class Reference:
    """The string is the reference of an image; with `several`, there may be more with commas between them."""

    def __init__(self, *, several: bool = False) -> None:
        """Take whether there may be more."""
        self.several = several
