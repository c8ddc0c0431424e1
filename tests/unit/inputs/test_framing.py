"""Two values have one digest only where they are the same."""

from hypothesis import given
from hypothesis import strategies as st

from buildmatrix.inputs.framing import digest_of, fingerprint_of

TEXTS = st.text("ab:()nt1\0\n", max_size=6)
LEAVES = TEXTS | st.none() | st.booleans() | st.integers(-20, 20)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4).map(tuple), max_leaves=10)


def told(value: object) -> str:
    """Python takes True for 1; a digest does not."""
    return repr(value)


@given(VALUES, VALUES)
def test_different_values_have_different_digests(one: object, two: object) -> None:
    assert (digest_of(one) == digest_of(two)) == (told(one) == told(two))  # type: ignore[arg-type]


def test_nothing_runs_into_the_next() -> None:
    values = [("ab", "c"), ("a", "bc"), ("abc",), ("a", ("b", "c")), (("a", "b"), "c"), ("abc", ""), ("abc", None)]
    assert len({digest_of(value) for value in values}) == len(values)


def test_a_digest_stays_what_it_is() -> None:
    """Images carry it: where it changes, so does the format of marks."""
    assert fingerprint_of(("app", ("a", 1, True, None))) == "0092b1078890563149cb0f13b121aa92"


def test_what_is_deep_is_no_trouble() -> None:
    value: tuple[object, ...] = ()
    for _ in range(5000):
        value = (value,)
    assert len(fingerprint_of(value)) == 32  # type: ignore[arg-type]


def test_half_a_character_is_no_trouble() -> None:
    assert digest_of("\ud800") != digest_of("\ud801")
