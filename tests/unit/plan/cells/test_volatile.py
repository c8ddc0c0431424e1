"""Where what is volatile in a cell comes from: axes, `include`, `let`, parents, overrides, bake files and `--set`."""

from pathlib import Path
from typing import Any

import pytest

from buildmatrix.git.facts import Git
from buildmatrix.pipeline import plan
from buildmatrix.plan.model import Plan
from buildmatrix.spec.rows.tables import BakeFiles
from buildmatrix.spec.toml.source import Sources
from buildmatrix.template.request import Request

HEAD = """version = 1
[variable]
sha = "{{ git.sha }}"
sure = "1"
[defaults]
dockerfile-inline = "FROM scratch"
output = ["type=cacheonly"]
"""


def planned(text: str, **asked: Any) -> Plan:
    git = Git(lambda _: None)
    vars(git).update(sha="1" * 40, tag="", branch="main", dirty=False, timestamp="2026-01-02T03:04:05Z")
    return plan("f", Sources(Path("/"), {"f": HEAD + text}), Request(**asked), git, files=False)


def labels(text: str, **asked: Any) -> list[str]:
    """Return the volatile labels of each target of the plan."""
    found = planned(text, **asked).targets
    return [
        " ".join(sorted(" = ".join(map(str, path[1:])) for path in one.volatile if path[0] == "labels"))
        for one in found
    ]


@pytest.mark.parametrize(
    ("axis", "found"),
    [
        ('["a", "b"]', ["", ""]),
        ('["a", "v{{ sha }}"]', ["", "l x"]),
        ('["{{ sha }}", "a"]', ["l x", ""]),
        ("\"{{ ['a', 'b' if git.branch else 'c'] }}\"", ["l x", "l x"]),
        ('"{{ [sure, sure ~ 2] }}"', ["", ""]),
        ('[{ id = "a", v = "{{ sha }}" }, { id = "b", v = "1" }]', ["l x", ""]),
    ],
)
def test_the_values_of_an_axis(axis: str, found: list[str]) -> None:
    text = '[target.app]\nlet.y = "{{ x }}"\nlabels = { x = "{{ x | tojson }}", l = "{{ y | tojson }}", s = "s" }\n'
    assert labels(f"{text}matrix.x = {axis}") == found


@pytest.mark.parametrize(
    ("include", "found"),
    [
        ('{ x = "a", e = "1" }, { x = "b", e = "2" }', ["", ""]),
        ('{ x = "a", e = "{{ sha }}" }, { x = "b", e = "2" }', ["e", ""]),
        ('{ e = "{{ sha }}" }, { x = "b", e = "2" }', ["e", ""]),
        ('{ e = "2" }, { x = "b", e = "{{ sha }}" }', ["", "e"]),
        ('{ x = "{{ \'a\' if git.sha else \'b\' }}", e = "1" }, { e = "2" }', ["", ""]),
        ('{ e = "2" }, { x = "{{ \'a\' if git.sha else \'b\' }}", e = "1" }', ["e", "e"]),
        ('{ x = "a", e = "1" }, { x = "b", e = "2" }, { x = "c", e = "{{ sha }}" }', ["", "", "e"]),
        ('{ e = "{{ x }}" }', ["", ""]),
        ('{ e = "{{ x }}{{ sha }}" }, { x = "b", e = "2" }', ["e", ""]),
        ('{ e = "{{ rev }}" }, { x = "b", e = "{{ x }}" }', ["e", ""]),
        ('{ e = "{{ k }}{{ x }}" }, { k = "1" }, { x = "b", k = "{{ sha }}" }', ["", "e"]),
        ('{ x = "c", e = "{{ x }}{{ rev }}" }, { e = "2" }', ["", "", "e"]),
        ('{ x = "c{{ sha }}", e = "{{ x }}" }, { e = "2" }', ["", "", "e"]),
    ],
)
def test_what_include_adds(include: str, found: list[str]) -> None:
    text = '[target.app]\nlet.rev = "{{ git.sha }}"\nlabels.e = "{{ e }}"\nmatrix.x = ["a", "b"]\n'
    assert labels(f"{text}matrix.include = [{include}]") == found


PARENTS = """
[target._base]
labels.base = "b"
[target._release]
inherits = ["_base"]
labels.channel = "r"
[target._dev]
labels.channel = "d"
"""


@pytest.mark.parametrize(
    ("inherits", "found"),
    [
        ('["_base", "_dev"]', ""),
        ("[\"_base\", \"{{ '_release' if git.branch else '_dev' }}\"]", "channel"),
        ("[\"{{ '_release' if git.branch else '_dev' }}\"]", "base channel"),
        ("[\"{{ '_release' if sure else '_dev' }}\"]", ""),
        ("[\"{{ '_release' if git.tag else omit }}\"]", ""),
    ],
)
def test_what_a_parent_says_that_something_volatile_chose(inherits: str, found: str) -> None:
    assert labels(f'{PARENTS}[target.app]\nlabels.own = "o"\ninherits = {inherits}') == [found]


def test_the_values_of_a_cell_that_is_inherited() -> None:
    text = """
[target.base]
matrix.v = ["1", "{{ sha }}"]
labels.v = "{{ v }}"
labels.s = "s"
[target.one]
inherits = ["base[v=1]"]
[target.other]
inherits = ["base[v=1111*]"]
[target.same]
matrix.v = ["1", "{{ sha }}"]
inherits = ["base[=]"]
"""
    found = {
        one.name: {key for attribute, key in one.volatile if attribute == "labels"} for one in planned(text).targets
    }
    assert found["base-1"] == found["one"] == found["same-1"] == set()
    assert found["other"] == {"v"}
    assert found["same-" + "1" * 40] == {"v", "s"}


def test_the_name_of_a_cell() -> None:
    text = '[target.app]\nlabels.name = "{{ name }}"\nmatrix.x = ["a", "b"]\n'
    assert labels(text) == ["", ""]
    assert labels(f'{text}name = "{{{{ x }}}}-{{{{ git.branch }}}}"') == ["name", "name"]
    assert labels(text.replace('"b"', '"{{ git.branch }}"')) == ["", "name"]
    assert labels('[target.app]\nlabels.name = "{{ name }}{{ target }}"') == [""]


def test_what_a_template_lies_over_counts_where_it_gives_no_value() -> None:
    text = f'{PARENTS}[target.app]\ninherits = ["_dev"]\nlabels.channel = '
    assert labels(f'{text}"{{{{ git.tag or omit }}}}"') == ["channel"]
    assert labels(f'{text}"{{{{ omit }}}}"') == [""]
    over = '[target._v]\nlabels.x = "{{ sha }}"\n[target.app]\ninherits = ["_v"]\nlabels.x = '
    assert labels(f'{over}"{{{{ omit }}}}"') == ["x"]
    assert labels(f'{over}"{{{{ sure }}}}"') == [""]


def test_keys_and_whole_tables_that_come_out_of_templates() -> None:
    assert labels('[target.app]\nlabels."{{ sure }}-{{ sha }}" = "{{ sha }}"\nlabels.y = "y"') == ["1-" + "1" * 40]
    assert labels('[target.app]\nlabels."{{ sure }}" = "{{ sha }}"\nlabels.y = "y"') == ["1"]
    assert labels("[target.app]\nlabels = \"{{ {'a': sha, 'b': 'b'} }}\"") == ["a b"]
    text = "[target._a]\nlabels = \"{{ {'a': sha, 'b': 'b'} }}\"\n[target.app]\ninherits = ['_a']\nlabels.a = 'x'"
    assert labels(text) == ["b"]
    assert labels('[target.app]\nlabels."{{ git.tag or omit }}" = "x"\nlabels.y = "y"\nlabels."{{ sure }}" = "1"') == [
        ""
    ]


def test_of_a_key_that_alone_is_volatile_the_template_is_told() -> None:
    text = '[target._p]\nlabels."{{ sure }}-{{ git.branch }}" = "x"\n[target.app]\ninherits = ["_p"]\n'
    assert labels(text) == ["1-main = {{ sure }}-{{ git.branch }}"]
    assert labels(f'{text}labels."{{{{ sure }}}}-main" = "y"') == [""]
    assert labels(f'{text}labels."{{{{ sure }}}}-main" = "{{{{ sha }}}}"') == ["1-main"]
    text = """[target.app]\noutput = [{ type = "oci", dest = "x", "annotation.{{ git.branch }}" = "{{ sure }}" }]"""
    assert planned(text).targets[0].volatile == {("output", 0, "annotation.main", "annotation.{{ git.branch }}")}


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ("annotation.a={{ sha }},annotation.b={{ sure }},name={{ sure }}", ["annotation.a"]),
        ("compression={{ 'gzip' if sha else 'zstd' }},annotation.b={{ sure }}", ["compression"]),
        ("Annotation.A=x{{ sure }}-{{ sha }},annotation.b=x", ["annotation.a"]),
        ("annotation.a={{ sha }},annotation.b={{ git.branch }}", ["annotation.a", "annotation.b"]),
        ("\"annotation.a={{ [sha, sure] | join(',') }},x\",annotation.b={{ sure }}", ["annotation.a"]),
        ("annotation.a={{ 'x' if sha else 'a,b' }}", ["annotation.a"]),
        ("annotation.{{ sure }}={{ sha }}", [""]),
        ("annotation.{{ git.branch }}={{ sure }}", [""]),
        ("annotation.a={% if sha %}1{% endif %},annotation.b={{ sure }}", [""]),
        ("annotation.a={{ sha ~ '}}' }}", [""]),
        ("annotation.a=x{{ ',annotation.b=' ~ sha }}", ["annotation.a"]),
        ("{{ 'annotation.a=' ~ sha }}", [""]),
        ("annotation.a={{ sure }}", []),
    ],
)  # fmt: skip
def test_fields_of_an_output_in_csv_form(fields: str, found: list[str]) -> None:
    paths = planned(f"[target.app]\noutput = ['''type=oci,dest=x,{fields}''']").targets[0].volatile
    assert sorted(str((*path, "")[2]) for path in paths) == found


def test_any_setting_has_pointers() -> None:
    text = """
[target.app]
args.A = "{{ sha }}"
network = "{{ 'none' if git.branch else 'default' }}"
tags = ["app:1", \"\"\"
{% for tag in [git.branch, git.sha] %}
app:{{ tag }}
{% endfor %}
\"\"\", "app:2"]
output = [
    { type = "cacheonly" },
    { type = "registry", "annotation.a" = "{{ sha }}", "annotation.b" = "b" },
    "type=oci,dest={{ git.branch }}",
]
"""
    assert planned(text).targets[0].volatile == {
        ("args", "A"), ("network",), ("tags", 1), ("tags", 2), ("output", 1, "annotation.a"),
        ("output", 2, "dest"),
    }  # fmt: skip


def test_set_and_what_it_sets() -> None:
    text = '[target.app]\nlabels.a = "{{ sha }}"\nlabels.b = "b"'
    assert labels(text, set_options=("app.labels.a=x", "app.labels.b={{ sha }}")) == ["b"]


def test_what_a_bake_file_says_of_a_commit_and_a_time() -> None:
    prefix = "org.opencontainers.image"
    said = {
        "labels": {f"{prefix}.{key}": "x" for key in ("created", "revision", "version", "title")},
        "annotations": [f"index,manifest:{prefix}.created=x", f"{prefix}.version=x", f"{prefix}.revision=x"],
        "args": {f"{prefix}.created": "x"},
    }
    text = '[target.app]\nannotations = ["a=b"]\n[target.heir]\ninherits = ["app"]\n'
    text += f'labels."{prefix}.created" = "mine"\n'
    found = planned(text, bake_files=BakeFiles(kept={"meta.json": {"app": said}})).targets
    app = {("labels", f"{prefix}.created"), ("labels", f"{prefix}.revision"), ("annotations", 1), ("annotations", 3)}
    assert found[0].volatile == app
    assert found[1].volatile == app - {("labels", f"{prefix}.created")}


def test_pointers_follow_platforms_and_outputs() -> None:
    text = """
[target.app]
platforms = ["linux/amd64", "{{ 'linux/arm64' if git.sha else '' }}"]
tags = ["app:{{ git.sha }}"]
labels.x = "{{ sha }}"
"""
    assert planned(text).targets[0].volatile == {("platforms", 1), ("tags", 0), ("labels", "x")}
    assert planned(text, platforms=("linux/arm64",)).targets[0].volatile == {
        ("platforms", 0),
        ("tags", 0),
        ("labels", "x"),
    }
    assert planned(f'{text}call = "check"').targets[0].volatile == {("platforms", 1), ("labels", "x")}


def test_cells_share_one_set() -> None:
    text = '[target.app]\nmatrix.x = ["a", "b"]\nlabels.x = "{{ sha }}"'
    first, second = planned(text).targets
    assert first.volatile is second.volatile
