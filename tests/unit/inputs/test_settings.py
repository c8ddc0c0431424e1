"""Each setting is part of the fingerprint, unless its row says that it is not."""

from typing import TYPE_CHECKING, Any

import pytest

from buildmatrix.inputs.settings import parts_of
from buildmatrix.spec.rows.settings import ImageOutput, LocalOutput, RegistryOutput, Secret, Settings, Ssh

if TYPE_CHECKING:
    from buildmatrix.errors import Pointer


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        ({}, {}),
        ({"labels": {"a.b": "1", "c": "2"}}, {"labels.a.b": "1", "labels.c": "2"}),
        ({"network": "none", "shm_size": "64m"}, {"network": "none", "shm-size": "64m"}),
        ({"annotations": ("index:a=b",)}, {"annotations.1": "index:a=b"}),
        (
            {"output": (RegistryOutput(type="registry", compression="zstd", name="r/a"),)},
            {"output.1.type": "registry", "output.1.compression": "zstd"},
        ),
        (
            {"output": (ImageOutput(type="image", push=True, rewrite_timestamp=True),)},
            {"output.1.type": "image", "output.1.rewrite-timestamp": "true"},
        ),
        ({"output": (LocalOutput(type="local", dest="out"),)}, {}),
        ({"secret": (Secret(id="a", env="A"),)}, {"secret.1.id": "a"}),
        ({"ssh": (Ssh(id="default", paths=("/k",)),)}, {"ssh.1.id": "default"}),
        ({"tags": ("a",), "description": "x", "no_cache": True, "pull": True, "timeout": "1m", "retries": 2}, {}),
        ({"context": ".", "dockerfile": "D", "args": {"A": "1"}, "target": "t", "contexts": {"a": "b"}}, {}),
    ],
)  # fmt: skip
def test_what_counts(settings: dict[str, Any], parts: dict[str, str]) -> None:
    assert dict(parts_of(Settings(**settings))) == parts


def test_what_is_volatile_is_left_out() -> None:
    noted = RegistryOutput(type="registry", annotation={"annotation.a": "1", "annotation.b": "2"})
    settings = Settings(
        labels={"revision": "abc", "title": "app"}, annotations=("a=1", "revision=abc"), output=(noted,)
    )
    volatile: set[Pointer] = {("labels", "revision"), ("annotations", 1), ("output", 0, "annotation.b")}
    assert dict(parts_of(settings, volatile)) == {
        "labels.title": "app",
        "annotations.1": "a=1",
        "output.1.type": "registry",
        "output.1.annotation.a": "1",
    }


def test_names_count_where_outputs_push_different_images() -> None:
    def names(**second: Any) -> dict[str, str]:
        outputs = (RegistryOutput(type="registry"), ImageOutput(type="image", push=True, name="r/a:b", **second))
        return {key: text for key, text in parts_of(Settings(tags=("r/a:1",), output=outputs)) if key.endswith("name")}

    assert names() == {}
    assert names(compression="zstd") == {"output.1.name": "r/a:1", "output.2.name": "r/a:b"}
    assert names(compression="zstd", push_by_digest=True) == {}
