"""What is said to be reached in a context is all that a real build has of it: random trees, ignore files, sources."""

import gzip
import io
import json
import os
import random
import shutil
import stat
import subprocess
import tarfile
from pathlib import Path

import pytest

from buildmatrix.inputs.context import Contexts, Reached, ignore_file_of

CASES = int(os.environ.get("CONTEXT_CASES", "16"))
SEED = int(os.environ.get("CONTEXT_SEED", "1"))
NAMES = ["a", "b", "c", "d e", "[x]", "é", ".h", "a.txt", "b.txt", "ab"]
LINES = ["a", "b", "*", "!a", "!b", "**/*.txt", "!**/a.txt", "a/*", "!a/b", "*/b", "/c", "!*/a", "**/a", "!.h", "a?"]
COPY = "FROM scratch\nCOPY {words} /o/\n"
MOUNT = (
    "FROM busybox AS b\nRUN --mount=type=bind,source={source},target=/m "
    "mkdir /o; if [ -d /m ]; then cp -a /m/. /o/; else cp /m /o/; fi\nFROM scratch\nCOPY --from=b /o /o\n"
)


class Case:
    """A context in a directory, with what a build is asked to take of it."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self._random = folder, random.Random(seed)  # noqa: S311 cases to be made again
        folder.mkdir()
        self.paths = list(filter(None, (self._thing() for _ in range(self._random.randint(4, 14)))))
        lines = self._random.sample(LINES, self._random.choice([0, 1, 2, 3]))
        (folder / ".dockerignore").write_text("\n".join(lines))
        self.is_mount = self._random.random() < 0.2
        self.sources = tuple(self._source() for _ in range(1 if self.is_mount else self._random.randint(1, 2)))

    def _thing(self) -> str:
        """Make a file, a directory or a link; "" where something is in its way. A file holds its own path."""
        path = "/".join(self._random.choices(NAMES, k=self._random.choice([1, 1, 2, 2, 3])))
        place, kind = self.folder / path, self._random.choice(["file", "file", "file", "link", "directory"])
        try:
            if not place.parent.resolve().is_relative_to(self.folder.resolve()):
                return ""
            place.parent.mkdir(parents=True, exist_ok=True)
            if kind == "file":
                with place.open("x") as file:
                    file.write(str(place.resolve().relative_to(self.folder.resolve())))
            elif kind == "link":
                place.symlink_to(self._target())
            else:
                place.mkdir()
        except (OSError, RuntimeError):
            return ""
        return path

    def _target(self) -> str:
        start = self._random.choice(["", "", "../", "/", "../../", "./", "a/../", "b/../"])
        return start + "/".join(self._random.choices(NAMES, k=self._random.choice([1, 1, 2])))

    def _source(self) -> str:
        path = self._random.choice([*self.paths, *self.paths, ".", "/"])
        parts = path.split("/")[: self._random.randint(1, 3)]
        if not self.is_mount:
            parts = [self._pattern(part) if self._random.random() < 0.3 else part for part in parts]
        more = self._random.choice(["", "", "", "/a", "/b", "/*", "/"])
        return "/".join(parts) + ("" if self.is_mount and "*" in more else more)

    def _pattern(self, part: str) -> str:
        if not part:
            return "*"
        cut = self._random.randint(0, len(part))
        return self._random.choice(["*", f"{part[:cut]}*", f"?{part[1:]}", f"[{part[0]}]{part[1:]}", f"[^q]{part[1:]}"])

    def dockerfile(self) -> str:
        if self.is_mount:
            return MOUNT.format(source=f'"{self.sources[0]}"' if " " in self.sources[0] else self.sources[0])
        return COPY.replace(" {words} /o/", f" {json.dumps([*self.sources, '/o/'])}")

    def change(self) -> None:
        """Change one thing: a file, a link, a mode, a line of the ignore file."""
        place = self.folder / self._random.choice(self.paths or ["a"])
        match self._random.choice(["new", "new", "gone", "text", "mode", "line"]):
            case "new":
                self.paths.append(self._thing() or "a")
            case "gone" if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            case "gone":
                place.unlink(missing_ok=True)
            case "text" if place.is_file() and not place.is_symlink():
                place.write_text("changed")
            case "mode" if place.exists() and not place.is_symlink():
                place.chmod(place.stat().st_mode ^ 0o111)
            case _:
                with (self.folder / ".dockerignore").open("a") as file:
                    file.write(f"\n{self._random.choice(LINES)}")

    def reached(self) -> Reached:
        folder = str(self.folder)
        return Contexts({}).of(folder, ignore_file_of(folder, None), self.sources)

    def built(self, buildx: tuple[str, ...], builder: str, out: Path) -> bool:
        """Build it into a directory; False where it is refused: a source that is not there."""
        command = [*buildx, "build", "--quiet", "--provenance=false", "--builder", builder, "--file", "-"]
        command += ["--output", f"type=local,dest={out}", str(self.folder)]
        done = subprocess.run(command, input=self.dockerfile(), capture_output=True, text=True, check=False)
        return done.returncode == 0


def told_by(out: Path) -> set[tuple[str, str]]:
    """What a build has: its files hold the paths that they had, links are told by what is written in them."""
    found = set()
    for path in out.rglob("*"):
        if path.is_symlink():
            found.add(("symlink", os.readlink(path)))  # noqa: PTH115 as it is written
        elif path.is_file() and path.name != ".dockerignore" and "\n" not in path.read_text():
            found.add(("file", path.read_text()))
    return found


def state_of(out: Path) -> list[tuple[str, int, str]]:
    found = []
    for path in sorted(out.rglob("*")):
        link, file = path.is_symlink(), path.is_file()
        text = os.readlink(path) if link else path.read_text() if file else ""  # noqa: PTH115 as it is written
        found.append((str(path.relative_to(out)), path.lstat().st_mode, text))
    return found


@pytest.mark.corpus
@pytest.mark.parametrize("number", range(CASES))
def test_what_is_built_was_reached_and_what_has_the_same_digest_is_built_alike(
    number: int, one_node: str, buildx: tuple[str, ...], tmp_path: Path
) -> None:
    """After a first build up to four changes, of which those count that the digest does not tell."""
    case = Case(tmp_path / "context", SEED * 200_000 + number)
    before, first = case.reached(), tmp_path / "first"
    assert before.doubt is None
    if not case.built(buildx, one_node, first):
        return
    check_reached(case, before, first, number)
    for count in range(4):
        case.change()
        if case.reached() != before:
            break
        out = tmp_path / f"out{count}"
        assert case.built(buildx, one_node, out)
        assert state_of(out) == state_of(first), (case.sources, (case.folder / ".dockerignore").read_text())


def check_reached(case: Case, reached: Reached, out: Path, number: int) -> None:
    """Check that all that a build has was reached."""
    said = {(one.kind, one.content if one.kind == "symlink" else one.path) for one in reached.entries}
    text = (case.folder / ".dockerignore").read_text()
    assert {one for one in told_by(out) if one != ("file", text)} <= said, (case.sources, text)
    if record := os.environ.get("CONTEXT_RECORD"):
        more = {one for one in said if one[0] == "file" and one[1] != ".dockerignore"} - told_by(out)
        with Path(record).open("a") as file:
            file.write(json.dumps([number, case.sources, text, len(said), sorted(map(str, more))]) + "\n")


# --- what of a file reaches an image ----------------------------------------------------------------------------------


def layer(folder: Path, builder: str, dockerfile: str) -> dict[str, tarfile.TarInfo]:
    """The entries of the only layer of what is built."""
    command = ["docker", "buildx", "build", "--quiet", "--provenance=false", "--builder", builder, "--file", "-"]
    command += ["--output", f"type=oci,dest={folder / 'image.tar'}", str(folder / "context")]
    subprocess.run(command, input=dockerfile, capture_output=True, text=True, check=True)
    with tarfile.open(folder / "image.tar") as image:

        def read(name: str) -> bytes:
            file = image.extractfile(name)
            assert file is not None
            return file.read()

        def blob(row: dict[str, str]) -> bytes:
            return read("blobs/" + row["digest"].replace(":", "/"))

        (only,) = json.loads(blob(json.loads(read("index.json"))["manifests"][0]))["layers"]
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(blob(only)))) as found:
            return {one.name: one for one in found}


def test_what_of_a_file_reaches_an_image(one_node: str, tmp_path: Path) -> None:
    """All bits of a mode and hard links do, owners and extended attributes do not: what the digest is decided by."""
    folder = tmp_path / "context"
    folder.mkdir()
    modes = (0o600, 0o644, 0o444, 0o755, 0o744, 0o4755, 0o2755, 0o1644)
    for mode in modes:
        (folder / f"{mode:o}").write_text("x")
        (folder / f"{mode:o}").chmod(mode)
    (folder / "again").hardlink_to(folder / "644")
    (folder / "empty").mkdir()
    (folder / "empty").chmod(0o701)
    os.setxattr(folder / "755", "user.name", b"value")
    found = layer(tmp_path, one_node, "FROM scratch\nCOPY . /o/\n")
    assert {one.mode for name, one in found.items() if name[2:].isdigit()} == set(modes)
    assert (found["o/644"].islnk(), found["o/again"].islnk()) in {(True, False), (False, True)}
    assert {(one.uid, one.gid) for one in found.values()} == {(0, 0)}
    assert not [key for one in found.values() for key in one.pax_headers if "xattr" in key]
    assert stat.S_IMODE(found["o/empty"].mode) == 0o701
    assert stat.S_IMODE(found["o"].mode) == 0o755
