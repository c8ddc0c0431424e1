"""What is said of an option that a command has not."""

import pytest

from tests.inside import exit_code


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("plan -help", "No such option: -help: write --help"),
        ("-help", "No such option: -help: write --help"),
        ("-version", "No such option: -version: write --version"),
        ("ci -help", "No such option: -help: write --help"),
        ("ci github -workflow x", "No such option: -workflow: write --workflow"),
        ("plan -incremental app", "No such option: -incremental: write --incremental"),
        ("plan -platform=linux/amd64", "No such option: -platform: write --platform"),
        ("apply -k -no-cache", "No such option: -no-cache: write --no-cache"),
        ("apply -jobs 3", "No such option: -jobs: write --jobs"),
        ("plan -e X=1", "No such option: -e: a variable is given with --var NAME=VALUE"),
        ("plan -x app -incremental", "No such option: -incremental: write --incremental"),
        ("plan -x app", "No such option: -x"),
        ("render -output x.json", "No such option: -output: write --output"),
        ("plan -e -- -help", "No such option: -e: a variable is given with --var NAME=VALUE"),
        ("plan -unknown", "No such option: -u"),
        ("apply -j x", "Invalid value for '--jobs': 'x' is not a whole number."),
    ],
)
def test_a_long_option_with_one_dash_is_told_as_one(words: str, said: str, capfd: pytest.CaptureFixture[str]) -> None:
    """It would be parsed as its letters: `-o utput`."""
    assert exit_code(*words.split()) == 2
    assert capfd.readouterr().err.endswith(f"\nError: {said}\n")
