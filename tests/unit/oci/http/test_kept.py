"""What a digest names is kept, and nothing else is ever taken for it."""

import hashlib
import os
import time
from multiprocessing import get_context
from pathlib import Path

import pytest

from buildmatrix.cache import RECENT
from buildmatrix.oci.answers import Descriptor, Found
from buildmatrix.oci.http import kept
from buildmatrix.oci.http.client import Client
from buildmatrix.oci.http.kept import Kept
from buildmatrix.process import Programs
from tests.registry import registry_in_memory

INDEX = "application/vnd.oci.image.index.v1+json"


def found(text: str) -> Found:
    body = text.encode()
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    return Found(descriptor=Descriptor(digest=digest, media_type=INDEX, size=len(body)), body=body)


def of(folder: Path) -> Kept:
    return Kept({"XDG_CACHE_HOME": str(folder)})


def files(folder: Path) -> list[Path]:
    return sorted((folder / "buildmatrix" / "manifests").iterdir())


def test_what_was_kept_is_read_again(tmp_path: Path) -> None:
    one = found('{"a": "\\n"}\n')
    of(tmp_path).write(one)
    assert of(tmp_path).read(one.digest) == one
    assert of(tmp_path).read(found("other").digest) is None
    assert (tmp_path / "buildmatrix" / "manifests").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", ["", "no line", f"{INDEX}\nanother", "\xff\nx"])
def test_what_is_damaged_is_not_taken(tmp_path: Path, damage: str) -> None:
    one = found("x")
    of(tmp_path).write(one)
    files(tmp_path)[0].write_bytes(damage.encode("latin-1"))
    assert of(tmp_path).read(one.digest) is None


def test_a_link_is_not_followed_and_nobody_needs_a_directory(tmp_path: Path) -> None:
    one = found("x")
    of(tmp_path).write(one)
    path = files(tmp_path)[0]
    path.rename(tmp_path / "away")
    path.symlink_to(tmp_path / "away")
    assert of(tmp_path).read(one.digest) is None
    nowhere = Kept({})
    nowhere.write(one)
    assert nowhere.read(one.digest) is None


def test_what_was_used_longest_ago_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many, one_run = [found(str(number)) for number in range(6)], of(tmp_path)
    for age, one in enumerate(many):
        one_run.write(one)
        path = tmp_path / "buildmatrix" / "manifests" / one.digest.replace(":", "-")
        os.utime(path, (0, time.time() - 10 * RECENT + age))
    assert of(tmp_path).read(many[0].digest) is not None  # it is used, and young again
    monkeypatch.setattr(kept, "MOST_FILES", 4)
    monkeypatch.setattr("buildmatrix.cache.PAUSE", 0)
    of(tmp_path).write(found("new"))
    assert {one.body for one in many if of(tmp_path).read(one.digest)} == {b"0", b"5"}
    monkeypatch.setattr(kept, "MOST_BYTES", 0)
    monkeypatch.setattr("buildmatrix.cache.RECENT", -1)
    of(tmp_path).write(found("newer"))
    assert files(tmp_path) == []


def _write(folder: str) -> None:
    for _ in range(30):
        for number in range(10):
            of(Path(folder)).write(found(str(number)))
            assert (one := of(Path(folder)).read(found(str(number)).digest)) is None or one.body == str(number).encode()


def test_many_processes_may_write_and_drop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST_FILES", 5)
    monkeypatch.setattr("buildmatrix.cache.PAUSE", 0)
    monkeypatch.setattr("buildmatrix.cache.RECENT", -1)
    context = get_context("fork")
    processes = [context.Process(target=_write, args=[str(tmp_path)]) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4


def test_a_registry_is_asked_once_for_what_a_digest_names(tmp_path: Path) -> None:
    with registry_in_memory() as server:
        digest = server.add("amd64")
        repository = f"{server.host}/x"

        def client() -> Client:
            return Client(Programs({"XDG_CACHE_HOME": str(tmp_path)}))

        first = client().get(repository, digest)
        assert isinstance(first, Found)
        server.before = lambda *_: 500
        assert client().get(repository, digest) == first
