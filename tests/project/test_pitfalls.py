"""Thirty ways in which other tools kept a stale image, or built for nothing: each has a test, here or elsewhere."""

import ast
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from buildmatrix.dockerfile.links import Config
from buildmatrix.inputs.fingerprint import Fingerprints
from buildmatrix.inputs.framing import DIGITS
from buildmatrix.spec.rows.settings import Secret, Settings
from buildmatrix.state.images.marks import mark_of, marks_in
from tests import plans

TESTS = Path(__file__).parents[1]
AMD = "linux/amd64"
USES, CONTEXT, FINGERPRINT = (
    "unit/dockerfile/test_uses.py",
    "unit/inputs/test_context.py",
    "unit/inputs/test_fingerprint.py",
)
INCREMENTAL, PINS, DECISION = "e2e/test_incremental.py", "e2e/test_pins.py", "unit/state/decisions/test_decision.py"
HERE, REMEMBERED = "project/test_pitfalls.py", "e2e/test_remembered.py"

PITFALLS: dict[str, list[tuple[str, str]]] = {
    "1 the body of a here-document": [(USES, "test_pitfall_1_the_body_of_a_heredoc_counts")],
    "2 stages in between": [
        (USES, "test_pitfall_2_the_whole_reachable_graph_counts"),
        (USES, "test_pitfall_2_which_stage_is_meant_counts"),
        (USES, "test_pitfall_2_per_platform"),
    ],
    "3 the base moved": [(INCREMENTAL, "test_a_base_that_moves_in_the_registry_is_built_upon_again")],
    "4 a parent that is built in the same run": [
        (FINGERPRINT, "test_what_it_depends_on_counts"),
        (FINGERPRINT, "test_what_it_needs_counts_also_as_the_image_under_its_tag"),
        (INCREMENTAL, "test_what_needs_another_is_built_when_that_changes"),
    ],
    "5 equal instructions on different bases": [
        (USES, "test_pitfall_3_and_5_each_base_is_told"),
        (FINGERPRINT, "test_the_digest_of_the_base_counts"),
    ],
    "6 arguments that nobody uses, and those of FROM": [
        (USES, "test_pitfall_6_arguments"),
        (INCREMENTAL, "test_an_argument_that_is_not_used_builds_nothing"),
    ],
    "7 the builder's own platform": [
        (USES, "test_pitfall_7_the_builders_platform_is_out_and_its_use_is_in"),
        (USES, "test_pitfall_7_an_image_by_the_builders_platform_is_a_doubt"),
    ],
    "8 ONBUILD and ENV of the base": [
        (USES, "test_pitfall_8_onbuild_of_a_base_reads_the_context"),
        (USES, "test_pitfall_8_env_of_a_base_is_in_paths"),
        (FINGERPRINT, "test_a_base_whose_configuration_nobody_knows_is_a_doubt"),
    ],
    "9 a link is copied as what it leads to": [(CONTEXT, "test_the_bytes_behind_a_link_count")],
    "10 a source that stays open": [(USES, "test_pitfall_10_a_variable_that_stays_open")],
    "11 which ignore file counts for which context": [
        (USES, "test_pitfall_11_each_context_has_its_own_paths"),
        (HERE, "test_pitfall_11_each_context_has_its_own_ignore_file"),
    ],
    "12 .gitignore is no .dockerignore": [(HERE, "test_pitfall_12_what_git_ignores_counts")],
    "13 the umask": [
        (FINGERPRINT, "test_it_is_the_same_in_another_directory_with_another_umask"),
        (CONTEXT, "test_two_checkouts_are_equal"),
    ],
    "14 what is in the working tree counts, not what git has": [
        (HERE, "test_pitfall_14_the_bytes_of_the_working_tree_count"),
        (HERE, "test_pitfall_14_a_submodule_that_is_missing_is_not_one_that_is_there"),
    ],
    "15 places, names, order and times": [
        (CONTEXT, "test_two_checkouts_are_equal"),
        (USES, "test_pitfall_15_lines_are_out"),
        ("unit/lock/test_file.py", "test_crlf_is_read_too"),
        (REMEMBERED, "test_two_checkouts_have_the_same_fingerprints"),
    ],
    "16 names and contents that run into each other": [
        (USES, "test_pitfall_16_nothing_is_joined"),
        (CONTEXT, "test_nothing_moves_from_one_part_to_the_next"),
        ("unit/inputs/test_framing.py", "test_different_values_have_different_digests"),
    ],
    "17 values that change from run to run": [
        ("unit/inputs/test_settings.py", "test_what_is_volatile_is_left_out"),
        (INCREMENTAL, "test_a_commit_in_a_label_builds_nothing_and_one_in_an_argument_does"),
    ],
    "18 another frontend": [
        (USES, "test_pitfall_18_frontends"),
        (USES, "test_pitfall_18_the_frontend_counts"),
        (FINGERPRINT, "test_a_frontend_of_dockers_counts_by_its_name_and_by_its_digest_only_if_that_is_locked"),
    ],
    "19 ADD of a URL": [(USES, "test_pitfall_19_what_add_fetches"), (USES, "test_pitfall_19_what_may_be_a_url")],
    "20 secrets and ssh count by their ids": [
        (USES, "test_pitfall_20_ids_of_secrets_are_in"),
        (HERE, "test_pitfall_20_the_value_of_a_secret_is_out_and_its_id_is_in"),
    ],
    "21 how the image is exported": [
        (FINGERPRINT, "test_what_changes_the_image_is_part_of_it"),
        (FINGERPRINT, "test_what_does_not_change_the_image_is_no_part_of_it"),
        (USES, "test_pitfall_21_arguments_of_buildkit_that_an_image_shows"),
    ],
    "22 another version of the engine": [(REMEMBERED, "test_another_buildx_and_another_driver_skip_what_one_built")],
    "23 children, platforms and tags that are gone": [
        (INCREMENTAL, "test_a_child_of_a_live_index_that_was_deleted_is_built"),
        (INCREMENTAL, "test_only_the_missing_platform_is_built_and_the_index_is_put_together"),
        (INCREMENTAL, "test_a_tag_that_went_or_moved_is_moved_and_nothing_is_built"),
    ],
    "24 another format of fingerprints": [
        ("unit/state/images/test_marks.py", "test_another_format_is_said_to_be_one"),
        (DECISION, "test_what_is_not_there_as_it_would_be_is_built_whole"),
    ],
    "25 a rebuild by hand": [(FINGERPRINT, "test_what_changes_the_image_is_part_of_it")],
    "26 the base moves between plan and build": [
        (PINS, "test_a_base_that_moves_during_the_run_is_the_same_for_all"),
        (PINS, "test_all_platforms_of_two_nodes_build_on_one_image"),
        (REMEMBERED, "test_a_base_that_moves_while_it_is_built_leaves_the_fingerprint_of_what_was_built"),
    ],
    "27 a registry that does not answer": [
        (INCREMENTAL, "test_a_registry_that_does_not_answer_is_no_registry_that_has_nothing"),
        (REMEMBERED, "test_what_is_kept_while_a_registry_fails_is_nothing"),
    ],
    "28 a short digest": [(HERE, "test_pitfall_28_a_fingerprint_has_128_bits")],
    "29 an index that moves as a whole": [
        (INCREMENTAL, "test_a_tag_that_went_or_moved_is_moved_and_nothing_is_built"),
        (REMEMBERED, "test_a_tag_moves_with_all_its_platforms_and_attestations"),
    ],
    "30 a shallow clone": [(REMEMBERED, "test_a_fresh_shallow_clone_skips_what_another_machine_built")],
}


def test_there_are_thirty() -> None:
    assert [int(about.split()[0]) for about in PITFALLS] == list(range(1, 31))


@pytest.mark.parametrize("about", PITFALLS)
def test_each_pitfall_has_tests_that_are_there(about: str) -> None:
    assert PITFALLS[about]
    for path, name in PITFALLS[about]:
        found = ast.walk(ast.parse((TESTS / path).read_text(encoding="utf-8")))
        assert name in {node.name for node in found if isinstance(node, ast.FunctionDef)}, (path, name)


# --- those without a test elsewhere -----------------------------------------------------------------------------------


def fingerprint(folder: Path, text: str = "FROM scratch\nCOPY . /\n", **settings: Any) -> str:
    """The fingerprint of a target that is built in a directory."""
    target = plans.target("app", Settings(dockerfile_inline=text, platforms=(AMD,), **settings))
    known = Fingerprints(plans.plan(target, directory=str(folder)), {}, {"scratch": Config()}, {}, AMD).of("app")
    assert known.doubt == ""
    return known.fingerprints[AMD]


def files(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (folder / name.replace("__", "/")).parent.mkdir(parents=True, exist_ok=True)
        (folder / name.replace("__", "/")).write_text(text)
    return folder


def git(folder: Path, *words: str) -> None:
    who = (
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@b",
        "-c",
        "protocol.file.allow=always",
        "-c",
        "core.hooksPath=/dev/null",
    )
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    subprocess.run(["git", *who, *words], cwd=folder, env=environment, check=True, capture_output=True)


def test_pitfall_11_each_context_has_its_own_ignore_file(tmp_path: Path) -> None:
    """The main one's is not for named ones, nor is the one beside the Dockerfile; a named one's own is."""
    folder = files(
        tmp_path, main__a="1", named__a="1", named__b="1", main__Dockerfile="FROM scratch\nCOPY --from=n . /\n"
    )

    def now() -> str:
        target = plans.target("app", Settings(context="main", contexts={"n": "named"}, platforms=(AMD,)))
        known = Fingerprints(plans.plan(target, directory=str(folder)), {}, {}, {}, AMD).of("app")
        assert known.doubt == ""
        return known.fingerprints[AMD]

    whole = now()
    for name in (".dockerignore", "Dockerfile.dockerignore"):
        (folder / "main" / name).write_text("b\n")
        assert now() == whole
    (folder / "named" / ".dockerignore").write_text("b\n.dockerignore\n")
    without = now()
    assert without != whole
    (folder / "named" / "b").write_text("2")
    assert now() == without
    (folder / "named" / "a").write_text("2")
    assert now() != without


def test_pitfall_12_what_git_ignores_counts(tmp_path: Path) -> None:
    folder = files(tmp_path, made="1")
    (folder / ".gitignore").write_text("made\n")
    git(folder, "init", "-q")
    before = fingerprint(folder, "FROM scratch\nCOPY made /\n")
    (folder / "made").write_text("2")
    assert fingerprint(folder, "FROM scratch\nCOPY made /\n") != before


def test_pitfall_14_the_bytes_of_the_working_tree_count(tmp_path: Path) -> None:
    """A pointer in place of a large file is another content, though git has one object for both."""
    folder = files(tmp_path, large="version https://git-lfs.github.com/spec/v1\n")
    (folder / ".dockerignore").write_text(".git\n")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "a pointer")
    before = fingerprint(folder)
    git(folder, "update-index", "--assume-unchanged", "large")
    (folder / "large").write_text("the large file itself")
    assert fingerprint(folder) != before


def test_pitfall_14_a_submodule_that_is_missing_is_not_one_that_is_there(tmp_path: Path) -> None:
    inner = files(tmp_path / "inner", a="1")
    outer = files(tmp_path / "outer", b="1")
    for folder in (inner, outer):
        git(folder, "init", "-q")
        git(folder, "add", ".")
        git(folder, "commit", "-q", "-m", "one")
    git(outer, "submodule", "--quiet", "add", str(inner), "sub")
    git(outer, "commit", "-q", "-m", "two")
    git(tmp_path, "clone", "-q", str(outer), "clone")
    for folder in (outer, tmp_path / "clone"):
        (folder / ".dockerignore").write_text(".git*\n**/.git\n.dockerignore\n")
    missing = fingerprint(tmp_path / "clone")
    assert missing != fingerprint(outer)
    git(tmp_path / "clone", "submodule", "--quiet", "update", "--init")
    assert fingerprint(tmp_path / "clone") == fingerprint(outer)


def test_pitfall_20_the_value_of_a_secret_is_out_and_its_id_is_in(tmp_path: Path) -> None:
    text = "FROM scratch\nCOPY a /\n"
    folder = files(tmp_path, a="1", token="one")  # noqa: S106 nobody's
    before = fingerprint(folder, text, secret=(Secret(id="token", src="token"),))
    (folder / "token").write_text("two")
    assert fingerprint(folder, text, secret=(Secret(id="token", src="token"),)) == before
    assert fingerprint(folder, text, secret=(Secret(id="other", src="token"),)) != before


def test_pitfall_28_a_fingerprint_has_128_bits(tmp_path: Path) -> None:
    found = fingerprint(files(tmp_path, a="1"))
    assert len(found) * 4 == DIGITS * 4 == 128
    assert marks_in({"dev.buildmatrix.inputs": mark_of({AMD: found})}) == {AMD: found}
