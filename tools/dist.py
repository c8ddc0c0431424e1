"""Build the sdist and the wheel of a release in dist/, and look whether they are what is to be published.

python tools/dist.py [FOLDER]: the wheel is built from the sdist, as an index's users would. Nothing is downloaded.
"""

import hashlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from buildmatrix import DISTRIBUTION, __version__

ROOT = Path(__file__).parent.parent
STEM = f"{DISTRIBUTION.replace('-', '_')}-{__version__}"
NOT_PUBLISHED = (".ci/",)


def main() -> None:
    """Build both; exit 1 with all that is wrong with them."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "dist").absolute()
    for old in folder.glob(f"{STEM.rpartition('-')[0]}-*"):
        old.unlink()
    built = [build("sdist", ROOT, folder)]
    with tempfile.TemporaryDirectory() as unpacked, tarfile.open(built[0]) as archive:
        archive.extractall(unpacked, filter="data")
        built.append(build("wheel", Path(unpacked) / STEM, folder))
    wrong = [*of_sdist(built[0]), *of_wheel(built[1]), *of_changelog((ROOT / "CHANGELOG.md").read_text())]
    for path in built:
        print(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}")
    print(*(f"wrong: {text}" for text in wrong), sep="\n", end="\n" if wrong else "")
    raise SystemExit(bool(wrong))


def build(kind: str, source: Path, folder: Path) -> Path:
    """Build one kind from a source tree; return its file."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(folder)]
    subprocess.run(command, cwd=source, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return folder / (f"{STEM}-py3-none-any.whl" if kind == "wheel" else f"{STEM}.tar.gz")


def of_sdist(path: Path) -> Iterable[str]:
    """Yield what is wrong: it holds the files of the commit, no others and no fewer."""
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()} - {"PKG-INFO"}
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    known = {name for name in listed.split("\0") if name and not name.startswith(NOT_PUBLISHED)}
    yield from (f"{path.name} holds {name}, which is not committed" for name in sorted(names - known))
    yield from (f"{path.name} lacks {name}" for name in sorted(known - names))


def of_wheel(path: Path) -> Iterable[str]:
    """Yield what is wrong: it holds the package and what describes it, licence and command included."""
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
    about = f"{STEM}.dist-info"
    others = {name for name in names if name.split("/")[0] not in {"buildmatrix", about}}
    yield from (f"{path.name} holds {name}" for name in sorted(others))
    wanted = {"buildmatrix/py.typed", f"{about}/licenses/LICENSE", f"{about}/entry_points.txt"}
    yield from (f"{path.name} lacks {name}" for name in sorted(wanted - names))


def of_changelog(text: str) -> Iterable[str]:
    """Yield what is wrong: the version has its section, and what came after the last one is not left unreleased."""
    sections = [part.partition("\n") for part in text.split("\n## ")[1:]]
    if __version__ not in {title.split(" ")[0] for title, _, _ in sections}:
        yield f"CHANGELOG.md has no section {__version__}"
    if any(title == "Unreleased" and body.strip() for title, _, body in sections):
        yield f"CHANGELOG.md has unreleased changes: give them a version other than {__version__}"


if __name__ == "__main__":
    main()
