"""How large images are: each is asked for once, and who does not answer is not asked again."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from buildmatrix.engine.outcome import BuildOutcome, Outcome
from buildmatrix.oci.answers import Absent, Answer, Descriptor, Found, Unknown
from buildmatrix.publish.sizes import COUNTS_PULLS, MOST, MOST_PULLS, sized, with_sizes
from buildmatrix.spec.rows.outputs import CacheonlyOutput, LocalOutput, OciOutput
from buildmatrix.spec.rows.settings import Settings
from tests import plans

INDEX = {"manifests": [{"digest": "sha256:amd"}, {"digest": "sha256:arm"}, {"digest": "sha256:proof"}]}
INDEX["manifests"][2]["platform"] = {"os": "unknown"}  # type: ignore[assignment]
SHARED = {"digest": "sha256:base", "size": 1000}


def manifest(name: str) -> dict[str, Any]:
    config = {"digest": f"sha256:config-{name}", "size": 1}
    return {"config": config, "layers": [SHARED, {"digest": f"sha256:layer-{name}", "size": 20}]}


HELD = {"sha256:amd": manifest("amd"), "sha256:arm": manifest("arm"), "sha256:lone": manifest("lone")}
HELD["sha256:empty"] = {"config": SHARED, "layers": None}  # as of FROM scratch with labels


class Answering:
    """Registries that have what `HELD` says, and indexes under any other digest."""

    def __init__(self, answer: Callable[[str, str], Answer] | None = None) -> None:
        self.asked: list[tuple[str, str]] = []
        self._answer = answer or self._held

    def get(self, repository: str, digest: str, *, tries: int) -> Answer:
        assert tries == 1
        self.asked.append((repository, digest))
        return self._answer(repository, digest)

    @staticmethod
    def _held(_: str, digest: str) -> Answer:
        body = json.dumps(HELD.get(digest, INDEX)).encode()
        return Found(descriptor=Descriptor(digest=digest, media_type=""), body=body)


def target(name: str, digest: str, *tags: str, status: Any = "built") -> BuildOutcome:
    return BuildOutcome(
        name=name, target=name, declared=name, status=status, exported=True, platforms=(), tags=tags, digest=digest
    )


def sizes(registries: Answering, *targets: BuildOutcome) -> dict[str, int]:
    found = with_sizes(Outcome(targets=targets, seconds=1), None, registries)  # type: ignore[arg-type]
    return {target.name: target.size for target in found.targets}


def pushed(name: str, digest: str, *tags: str) -> BuildOutcome:
    return target(name, digest, *tags, status="failed")  # built ones are looked for as archives, too


def test_each_image_is_asked_for_once() -> None:
    registries = Answering()
    targets = [pushed(f"t{number}", "sha256:index", f"r.example/t{number}:1") for number in range(33)]
    found = sizes(
        registries,
        *targets,
        pushed("lone", "sha256:lone", "r.example/lone:1"),
        pushed("none", "sha256:index"),
        pushed("empty", "sha256:empty", "r.example/empty:1"),
    )
    assert {found[f"t{number}"] for number in range(33)} == {1000 + 2 * 21}
    assert (found["lone"], found["none"], found["empty"]) == (1021, 0, 1000)
    assert sorted(digest for _, digest in registries.asked) == [
        "sha256:amd",
        "sha256:arm",
        "sha256:empty",
        "sha256:index",
        "sha256:lone",
    ]


@pytest.mark.parametrize(
    ("answer", "asked"),
    [
        (Unknown(reason="429", passes=True), 1),  # of the registry, no more
        (Unknown(reason="401", refused=True), 10),  # of the repository, no more
        (Absent(), 20),
    ],
)
def test_who_does_not_answer_is_not_asked_again(answer: Answer, asked: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("buildmatrix.publish.sizes.all_of", lambda work, items: {item: work(item) for item in items})
    registries = Answering(lambda *_: answer)
    targets = [pushed(f"t{number}", f"sha256:{number}", f"r.example/t{number // 2}:{number}") for number in range(20)]
    assert set(sizes(registries, *targets).values()) == {0}
    assert len(registries.asked) == asked


def test_a_registry_that_counts_pulls_is_asked_for_few() -> None:
    counted = [pushed(f"hub{number}", f"sha256:h{number}", f"acme/app:{number}") for number in range(MOST)]
    others = [pushed(f"t{number}", f"sha256:t{number}", f"r.example/app:{number}") for number in range(MOST + 9)]
    found = sized(Outcome(targets=(*counted, *others), seconds=1))
    assert COUNTS_PULLS == "docker.io"
    assert [one.name[0] for one in found].count("h") == MOST_PULLS
    assert [one.name[0] for one in found].count("t") == MOST


def test_each_image_is_asked_for_where_its_first_target_has_pushed_it() -> None:
    targets = [
        pushed("hub", "sha256:h", "acme/app:1"),
        pushed("first", "sha256:a", "r.example/first:1"),
        pushed("second", "sha256:a", "r.example/second:1"),
        pushed("other", "sha256:b", "r.example/other:1"),
    ]
    assert [one.name for one in sized(Outcome(targets=tuple(targets), seconds=1))] == ["first", "other", "hub"]


def test_a_manifest_of_several_images_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("buildmatrix.publish.sizes.all_of", lambda work, items: {item: work(item) for item in items})
    registries = Answering()
    targets = [pushed(name, f"sha256:{name}", f"r.example/{name}:1") for name in ("one", "two")]
    assert sizes(registries, *targets) == {"one": 1042, "two": 1042}
    assert [digest for _, digest in registries.asked] == ["sha256:one", "sha256:amd", "sha256:arm", "sha256:two"]


def test_what_was_kept_or_has_no_tags_is_not_asked_for() -> None:
    kept = target("kept", "sha256:a", "r.example/a:1", status="unchanged")
    found = sized(Outcome(targets=(kept, pushed("held", "sha256:b"), pushed("none", "", "r.example/c:1")), seconds=1))
    assert found == []


def test_an_archive_has_the_size_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"x" * 7)
    (tmp_path / "out").mkdir()
    outputs = (
        OciOutput(type="oci", dest="a.tar"),
        OciOutput(type="oci", dest="none"),
        LocalOutput(type="local", dest="out"),
        CacheonlyOutput(type="cacheonly"),
    )
    planned = plans.plan(
        *(plans.target(name, Settings(output=outputs)) for name in ("new", "same", "old")), directory=str(tmp_path)
    )
    targets = (target("new", ""), target("same", "", status="cached"), target("old", "", status="unchanged"))
    found = with_sizes(Outcome(targets=targets, seconds=1), planned, Answering())  # type: ignore[arg-type]
    assert [one.size for one in found.targets] == [7, 7, 0]


def test_what_has_no_new_size_keeps_the_one_it_had() -> None:
    kept = replace(target("kept", "", status="unchanged"), size=5)
    planned, targets = plans.plan(plans.target("none")), (kept, target("none", ""))
    found = with_sizes(Outcome(targets=targets, seconds=1), planned, Answering())  # type: ignore[arg-type]
    assert [one.size for one in found.targets] == [5, 0]


def test_an_image_without_a_configuration_has_the_size_of_its_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(HELD, "sha256:bare", {"layers": [SHARED]})
    assert sizes(Answering(), pushed("app", "sha256:bare", "r.example/app:1")) == {"app": 1000}


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"manifests": [1]}', b'{"layers": [{"digest": "a"}]}', b"[" * 99999]
)
def test_what_cannot_be_read_has_no_size(body: bytes) -> None:
    odd = Answering(lambda _, digest: Found(descriptor=Descriptor(digest=digest, media_type=""), body=body))
    assert sizes(odd, pushed("app", "sha256:a", "r.example/app:1")) == {"app": 0}
