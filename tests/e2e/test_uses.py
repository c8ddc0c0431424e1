"""Never wrong: where the engine makes two images of two Builds, what they use of their Dockerfiles differs.

Groups of Builds that differ in little are built for real, a group in one call, each as an OCI layout without times.
Those that make different images must differ in what `uses_of` says; `SAME` are groups whose Builds must not.
"""

import fnmatch
import io
import json
import os
import re
import subprocess
import tarfile
from collections.abc import Callable, Mapping
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from buildmatrix.dockerfile.links import Config
from buildmatrix.dockerfile.uses import Uses, uses_of

BUSYBOX = "docker.io/library/busybox:latest"
EPOCH = {"SOURCE_DATE_EPOCH": "1"}
FILES = {"a": "1", "b": "2", "d/c": "3", "d/e.txt": "4", "f.txt": "5"}


class B(NamedTuple):
    """A Build: its Dockerfile, and what is given beside it. `base` is that of a target that contexts may name."""

    text: str
    args: Mapping[str, str] = {}
    target: str = ""
    files: Mapping[str, str] = FILES
    contexts: Mapping[str, Mapping[str, str]] = {}
    base: str = ""
    platform: str = "linux/amd64"


def changed(path: str, of: Mapping[str, str] = FILES) -> dict[str, str]:
    return {**of, path: "changed"}


def each_file(text: str, **more: Any) -> list[B]:
    """The Build with each of its files changed in turn."""
    return [B(text, **more), *(B(text, files=changed(path), **more) for path in FILES)]


SAME: dict[str, list[B]] = {
    "comments": [
        B("FROM busybox\nRUN echo a  b > /x\nCOPY a b /d/\n"),
        B("# one\n\nfrom busybox\n# two\n\nrun echo a \\\n# three\n b > /x\n\n\nCopy   a   b /d/ \n"),
        B("# escape=`\nFROM busybox\nRUN echo a ` \n b > /x\nCOPY a `\n  b /d/\n")._replace(
            text="FROM busybox\r\nRUN echo a  b > /x\r\nCOPY a b /d/\r\n"
        ),
    ],
    "unreachable stages": [
        B("FROM busybox AS x\nRUN echo 1 > /x\nFROM scratch\nCOPY --from=x /x /\n"),
        B("FROM busybox AS n\nFROM busybox AS o\nRUN echo 1 > /x\nFROM n AS z\nFROM scratch\nCOPY --from=o /x /\n"),
        B("FROM busybox\nRUN echo 1 > /x\nFROM scratch AS last\nCOPY --from=0 /x /\nFROM busybox", target="last"),
    ],
    "renamed in mounts": [
        B("FROM busybox AS x\nRUN echo 1 > /x\nFROM busybox\nRUN --mount=from=x,target=/m cat /m/x > /y\n"),
        B("FROM busybox AS y\nRUN echo 1 > /x\nFROM busybox\nRUN --mount=from=Y,target=/m cat /m/x > /y\n"),
    ],
    "unused args": [
        B("ARG G\nFROM busybox\nARG A=1\nRUN echo $A > /x\n"),
        B("ARG G\nFROM busybox\nARG A=1\nRUN echo $A > /x\n", args={"B": "2"}),
        B("ARG G\nFROM busybox\nARG A=1\nRUN echo $A > /x\n", args={"A": "1"}),
        B("ARG G\nFROM busybox\nARG A=1\nRUN echo $A > /x\n", args={"G": "1"}),
        B("ARG A\nFROM busybox\nARG A=1\nRUN echo $A > /x\n"),
    ],
    "args of FROM": [
        B("ARG I=busybox\nFROM $I\nRUN true\n"),
        B("ARG I=scratch\nFROM ${I}\nRUN true\n", args={"I": "busybox"}),
        B("FROM docker.io/library/busybox:latest\nRUN true\n"),
        B("FROM --platform=$TARGETPLATFORM busybox\nRUN true\n"),
    ],
    "proxies": [
        B("FROM busybox\nRUN true\n"),
        B("FROM busybox\nRUN true\n", args={"HTTP_PROXY": "http://nobody:1", "https_proxy": "http://nobody:2"}),
    ],
    "arguments of BuildKit that no image shows": [
        B("FROM busybox\nRUN --mount=type=cache,target=/c true\n"),
        B("FROM busybox\nRUN --mount=type=cache,target=/c true\n", args={"BUILDKIT_DOCKERFILE_CHECK": "skip=all"}),
        B("FROM busybox\nRUN --mount=type=cache,target=/c true\n", args={"BUILDKIT_CACHE_MOUNT_NS": "mine"}),
    ],
    "a context that is called like a stage but for capitals": [
        B("FROM busybox AS m\nRUN echo 1 > /a\nFROM scratch\nCOPY --from=m /a /x/\n", contexts={"M": one})
        for one in (FILES, changed("a"))
    ],
    "what is not read": [
        B("FROM scratch\nCOPY a d /x/\n"),
        B("FROM scratch\nCOPY a d /x/\n", files=changed("b")),
        B("FROM scratch\nCOPY a d /x/\n", files=changed("f.txt")),
    ],
}

DIFFERENT: dict[str, list[B]] = {
    "here-documents": [
        B("FROM busybox\nRUN <<E\necho 1 > /x\nE\n"),
        B("FROM busybox\nRUN <<E\necho 2 > /x\nE\n"),
        B("FROM busybox\nRUN <<E\n# a\necho 2 > /x\nE\n"),
        B("FROM busybox\nARG V=9\nCOPY <<E /x\n$V\n\ta\nE\n"),
        B("FROM busybox\nARG V=9\nCOPY <<'E' /x\n$V\n\ta\nE\n"),
        B("FROM busybox\nARG V=9\nCOPY <<-E /x\n$V\n\ta\nE\n"),
        B("FROM busybox\nARG V=9\nCOPY <<E /x\n$V\r\n\ta\nE\n"),
        B("FROM busybox\nARG V=9\nCOPY <<E <<F /x/\n$V\nE\n1\nF\n"),
        B("FROM busybox\nARG V=9\nCOPY <<F <<E /x/\n1\nF\n$V\nE\n"),
    ],
    "stages": [
        B("FROM busybox AS x\nRUN echo 1 > /x\nFROM scratch\nCOPY --from=x /x /\n"),
        B("FROM busybox AS x\nRUN echo 2 > /x\nFROM scratch\nCOPY --from=x /x /\n"),
        B("FROM busybox AS w\nRUN echo 1 > /w\nFROM w AS x\nRUN echo 2 > /x\nFROM scratch\nCOPY --from=x /x /w /\n"),
        B("FROM busybox AS w\nRUN echo 2 > /w\nFROM w AS x\nRUN echo 2 > /x\nFROM scratch\nCOPY --from=x /x /w /\n"),
        B("FROM busybox AS x\nRUN echo 1 > /x\nFROM busybox AS x\nRUN echo 2 >/x\nFROM scratch\nCOPY --from=x /x /\n"),
        B("FROM busybox AS x\nRUN echo 1 > /x\nFROM busybox AS x\nRUN echo 2 >/x\nFROM scratch\nCOPY --from=0 /x /\n"),
        B("FROM busybox AS x\nRUN echo 1 > /x\nFROM x\nRUN rm /x\nFROM x AS x\nRUN echo >> /x\n"),
        B("FROM busybox AS busybox\nRUN echo 1 > /x\nFROM busybox\n"),
        B("FROM busybox AS busybox\nRUN echo 1 > /x\nFROM busybox:latest\n"),
        B("FROM busybox AS busybox\nRUN echo 1 > /x\nFROM busybox\nCOPY --from=busybox:latest /bin/true /y\n"),
        B("FROM busybox AS busybox\nRUN echo 1 > /x\nFROM scratch\nCOPY --from=busybox /x /y\n"),
    ],
    "flags and forms": [
        B("FROM busybox\nRUN echo 1 > /x\n"),
        B('FROM busybox\nRUN ["sh", "-c", "echo 1 > /x"]\n'),
        B('FROM busybox\nRUN ["sh", "-c", "echo 1 > /x" ]x || echo 1 > /x\n'),
        B("FROM busybox\nCOPY a /x\n"),
        B("FROM busybox\nCOPY --chmod=700 a /x\n"),
        B("FROM busybox\nCOPY --chown=1:1 a /x\n"),
        B("FROM busybox\nADD a /x\n"),
        B("FROM busybox\nCOPY a a /x/\n"),
        B('FROM busybox\nSHELL ["sh", "-ec"]\nRUN echo 1 > /x\n'),
        B("# escape=`\nFROM busybox\nENV A=a`b B=`$A\nRUN true\n"),
        B("FROM busybox\nENV A=a`b B=`$A\nRUN true\n"),
        B("FROM busybox\nENV A=1 B=$A\n"),
        B("FROM busybox\nENV A=1\nENV B=$A\n"),
        B("FROM busybox\nENV A 1 B=$A\n"),
        B("FROM busybox\nHEALTHCHECK --interval=3s CMD true\n"),
        B("FROM busybox\nHEALTHCHECK CMD  true\n"),
        B("FROM busybox\nHEALTHCHECK NONE\n"),
        B("FROM busybox\nLABEL a=b\n"),
        B("FROM busybox\nLABEL a='b '\n"),
        B("FROM busybox\nEXPOSE 1 2\n"),
        B("FROM busybox\nVOLUME /a /b\n"),
        B('FROM busybox\nVOLUME ["/a /b"]\n'),
        B("FROM busybox\nCMD a  b\n"),
        B('FROM busybox\nCMD ["a", "b"]\n'),
        B("FROM busybox\nENTRYPOINT a b\n"),
        B("FROM busybox\nUSER 1\n"),
        B("FROM busybox\nWORKDIR /w\n"),
        B("FROM busybox\nSTOPSIGNAL 9\n"),
        B("FROM busybox\nONBUILD RUN a\n"),
        B("FROM busybox\nONBUILD run a\n"),
        B("FROM busybox\nMAINTAINER me\n"),
    ],
    "arguments": [
        B("FROM busybox\nARG A=1\nRUN echo $A > /x\n"),
        B("FROM busybox\nARG A=1\nRUN echo $A > /x\n", args={"A": "2"}),
        B("FROM busybox\nARG A=1\nRUN echo $A > /x\n", args={"A": ""}),
        B("FROM busybox\nARG A\nRUN echo $A > /x\n"),
        B("ARG A=3\nFROM busybox\nARG A\nRUN echo $A > /x\n"),
        B("ARG A=3\nFROM busybox\nARG A\nRUN echo $A > /x\n", args={"A": "4"}),
        B("FROM busybox\nARG B=5\nARG A=$B\nRUN echo $A > /x\n"),
        B("FROM busybox\nARG B=5\nARG A=$B\nRUN echo $A > /x\n", args={"B": "6"}),
        B("FROM busybox\nARG B=5\nARG A=$B\n", args={"A": "7"}),
        B("FROM busybox AS x\nARG A=1\nFROM x\nRUN echo $A > /x\n"),
        B("FROM busybox AS x\nARG A=1\nFROM x\nRUN echo $A > /x\n", args={"A": "2"}),
        B("FROM busybox\nENV A=1\nARG A=2\nRUN echo $A > /x\n"),
        B("FROM busybox\nENV A=1\nARG A=2\nRUN echo $A > /x\n", args={"A": "3"}),
        B("FROM busybox\nARG A=1 B=$A\nRUN echo $A$B > /x\n", args={"A": "8"}),
        B("FROM busybox\nARG HTTP_PROXY\nRUN true\n"),
        B("FROM busybox\nARG HTTP_PROXY\nRUN true\n", args={"HTTP_PROXY": "http://nobody:1"}),
        B("FROM busybox AS x\nARG TARGETSTAGE\nRUN echo $TARGETSTAGE > /x\n"),
        B("FROM busybox AS y\nARG TARGETSTAGE\nRUN echo $TARGETSTAGE > /x\n"),
        B("FROM busybox AS y\nARG TARGETSTAGE\nRUN echo $TARGETSTAGE > /x\n", target="y"),
        B("FROM busybox AS y\nARG TARGETSTAGE\nRUN echo $TARGETSTAGE > /x\n", target="Y"),
        B("FROM busybox\nARG TARGETSTAGE\nRUN echo $TARGETSTAGE > /x\n"),
        B("ARG TARGETARCH\nFROM busybox\nARG TARGETARCH TARGETPLATFORM\nRUN echo $TARGETARCH > /x\n"),
        B("FROM busybox\nARG TARGETARCH\nRUN echo $TARGETARCH > /x\n", args={"TARGETARCH": "mine"}),
        B("FROM busybox\nARG BUILDARCH\nRUN echo $BUILDARCH > /x\n", args={"BUILDARCH": "mine"}),
        B("FROM busybox\nARG BUILDARCH\nRUN echo $BUILDARCH > /x\n"),
        B("ARG X=$BUILDARCH\nFROM busybox\nARG X\nRUN echo $X > /x\n"),
        B("ARG X=$BUILDOS\nFROM busybox\nARG X\nRUN echo $X > /x\n"),
        B("FROM busybox\nARG A=a\nLABEL l=$A\n"),
        B("FROM busybox\nARG A=a\nLABEL l=$A\n", args={"A": "b"}),
        B("FROM scratch\nARG TARGETARCH\nLABEL a=$TARGETARCH\n"),
        B("FROM scratch\nARG TARGETARCH\nLABEL a=$TARGETARCH\n", platform="linux/arm64"),
        B("FROM scratch\nARG TARGETARCH\nLABEL a=$TARGETARCH\n", platform="linux/arm/v7"),
    ],
    "arguments of BuildKit": [
        B("FROM busybox\nRUN hostname > /x\n"),
        B("FROM busybox\nRUN hostname > /x\n", args={"BUILDKIT_SANDBOX_HOSTNAME": "mine"}),
        B("FROM busybox\nRUN hostname > /x\n", args={"BUILDKIT_MULTI_PLATFORM": "1"}),
        B("FROM busybox\nRUN hostname > /x\n", args={"BUILDKIT_INLINE_CACHE": "1"}),
        B("FROM busybox\nRUN hostname > /x\n", args={"BUILDKIT_CONTEXT_KEEP_GIT_DIR": "1"}),
        B("FROM busybox\nRUN hostname > /x\n", args={"SOURCE_DATE_EPOCH": "77"}),
    ],
    "files": each_file("FROM scratch\nCOPY a d /x/\n"),
    "patterns": each_file("FROM scratch\nCOPY *.txt /d/../d/* ./../b /x/\n"),
    "all": each_file("FROM scratch\nCOPY . /x/\n"),
    "JSON": each_file('FROM scratch\nCOPY ["a", "d/*.txt", "/x/"]\n'),
    "variables": each_file("FROM scratch\nARG A=d\nENV B=$A/c\nCOPY $B ${A#d}a /x/\n"),
    "inherited variables": each_file("FROM scratch AS x\nARG A=d\nENV B=b\nFROM x\nCOPY $A $B /x/\n"),
    "nothing in a variable": each_file("FROM scratch\nCOPY ${NO_SUCH} /x/\n"),
    "arguments over ENV": each_file("FROM scratch\nENV A=a\nARG A=b\nCOPY $A /x/\n"),
    "arguments of one line": each_file("FROM scratch\nARG A=a B=$A\nCOPY f.txt $B /x/\n", args={"B": "b"}),
    "mounts": each_file(
        "FROM busybox\nARG D=d\nRUN --mount=target=/m,source=$D --mount=type=cache,target=/c cat /m/* > /x\n"
    ),
    "a mount of all": each_file("FROM busybox\nRUN --mount=type=bind,target=/m cat /m/a /m/b /m/d/* /m/f.txt > /x\n"),
    "exclude": each_file("FROM scratch\nCOPY --exclude=*.txt d f.txt b /x/\n"),
    "classes": each_file("FROM scratch\nCOPY [ab] d/[!e]* /x/\n"),
    "a directory by a pattern": each_file("FROM scratch\nCOPY ? /x/\n"),
    "a mount's variable": each_file("FROM busybox\nENV S=d\nRUN --mount=src=$S/c,dst=/m cat /m > /x\n"),
    "two sources of a mount": each_file("FROM busybox\nRUN --mount=source=a,src=b,target=/m cat /m > /x\n"),
    "ADD": each_file("FROM scratch\nADD a d /x/\n"),
    "named contexts": [
        *(
            B("FROM scratch\nCOPY --from=other a d /x/\n", contexts={"other": one})
            for one in (FILES, changed("a"), changed("b"), changed("d/c"))
        ),
        *(B("FROM other\nCOPY a /x/\n", contexts={"other": one}) for one in (FILES, changed("a"), changed("b"))),
        *(
            B("FROM busybox AS other\nRUN echo no\nFROM busybox\nCOPY --from=other a /x/\n", contexts={"other": one})
            for one in (FILES, changed("a"), changed("b"))
        ),
        *(
            B("FROM busybox\nRUN --mount=from=m,source=d,target=/m cat /m/* > /x\n", contexts={"m": one})
            for one in (FILES, changed("d/c"), changed("a"))
        ),
        *(
            B("FROM scratch\nCOPY --from=busybox a /x/\n", contexts={"busybox::linux/amd64": one})
            for one in (FILES, changed("a"))
        ),
        *(
            B("FROM busybox AS other\nONBUILD COPY a /x/\nFROM other\n", contexts={"other": FILES}, files=one)
            for one in (FILES, changed("a"), changed("b"))
        ),
    ],
    "ONBUILD": each_file("FROM base\nCOPY a /y\n", base="FROM busybox\nONBUILD ARG W=d/c\nONBUILD COPY b $W /x/\n"),
    "ENV of the base": each_file("FROM base\nCOPY $SRC /x/\n", base="FROM busybox\nENV SRC=d\n"),
    "base": [
        B("FROM base\nRUN true\n", base="FROM busybox\nRUN echo 1 > /x\n"),
        B("FROM base\nRUN true\n", base="FROM busybox\nRUN echo 2 > /x\n"),
        B("FROM busybox AS one\nRUN echo 1 > /x\nFROM base\n", base="FROM busybox\nONBUILD COPY --from=one /x /y\n"),
        B("FROM busybox AS one\nRUN echo 2 > /x\nFROM base\n", base="FROM busybox\nONBUILD COPY --from=one /x /y\n"),
        B("FROM busybox AS one\nRUN echo 2 > /x\nFROM base\n", base="FROM busybox\nONBUILD COPY --from=0 /x /y\n"),
        B("FROM base\nRUN cat /x\n", base="FROM busybox\nONBUILD RUN <<E\necho 1 > /x\nE\n"),
        B("FROM base\nRUN cat /x\n", base="FROM busybox\nONBUILD RUN <<E\necho 2 > /x\nE\n"),
    ],
}
GROUPS = {about: group for about, group in {**SAME, **DIFFERENT}.items() if group}


def used(one: B) -> Uses:
    bases = {BUSYBOX: Config((), {"PATH": "/bin"})}
    contexts = list(one.contexts)
    if one.base:
        base = used(B(one.base, platform=one.platform)).config
        bases |= {} if base is None else {"base": base}
        contexts.append("base")
    bases |= {name: Config() for name in one.contexts}
    return uses_of(
        one.text,
        target=one.target or None,
        platform=one.platform,
        args={**EPOCH, **one.args},
        contexts=contexts,
        bases=bases,
    )


def is_read(path: str, paths: tuple[str, ...] | None) -> bool:
    """Tell whether a file is a path that is read, in one, or matches one: Go negates classes by `^` alone."""
    return paths is None or any(_matches(path.split("/"), one.split("/")) for one in paths)


def _matches(names: list[str], parts: list[str]) -> bool:
    parts = [re.sub(r"\[!(.)", r"[\1!", part).replace("[^", "[!") for part in parts]
    return len(parts) <= len(names) and all(map(fnmatch.fnmatchcase, names, parts))


def key(one: B) -> str:
    """What tells one Build from another for us, with the bytes of the files that it reads."""
    uses = used(one)
    if uses.doubts:
        return f"doubt {id(one)}"
    contexts: dict[str, Mapping[str, str]] = {"": one.files, **one.contexts}
    files = {
        name: {path: text for path, text in contexts.get(name, {}).items() if is_read(path, paths)}
        for name, paths in uses.sources.items()
    }
    base = key(B(one.base, platform=one.platform, files=one.files)) if "base" in uses.contexts else ""
    images = [(image.name, image.platform) for image in uses.images]
    return json.dumps([uses.recipe, images, files, sorted(uses.contexts), base], sort_keys=True)


def bake(builds: Mapping[str, B], builder: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Build all of them in one call, each as an OCI layout of its name."""
    targets: dict[str, dict[str, Any]] = {}
    for name, one in builds.items():
        contexts = {}
        for number, (context, files) in enumerate({"": one.files, **one.contexts}.items()):
            place = folder / f"{name}-{number}"
            for path, text in files.items():
                (place / path).parent.mkdir(parents=True, exist_ok=True)
                (place / path).write_text(text)
            contexts[context] = str(place)
        common = {"context": contexts.pop(""), "platforms": [one.platform]}
        targets[name] = {
            **common,
            "contexts": contexts | ({"base": f"target:{name}-base"} if one.base else {}),
            "dockerfile-inline": one.text.replace("${", "$${"),
            "args": {**EPOCH, **one.args},
            "output": [f"type=oci,dest={folder / name}.tar,rewrite-timestamp=true"],
            **({"target": one.target} if one.target else {}),
        }
        if one.base:
            targets[f"{name}-base"] = {**common, "args": EPOCH, "dockerfile-inline": one.base.replace("${", "$${")}
    spec = json.dumps({"group": {"default": {"targets": list(builds)}}, "target": targets})
    command = ["docker", "buildx", "bake", "--file=-", f"--allow=fs.read={folder}", f"--allow=fs.write={folder}"]
    environment = {**os.environ, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
    return subprocess.run(
        [*command, "--builder", builder],
        input=spec,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def image_of(layout: Path) -> str:
    """Return the digest of the image in an OCI layout."""
    with tarfile.open(fileobj=io.BytesIO(layout.read_bytes())) as archive:
        index = archive.extractfile("index.json")
        assert index is not None
        return str(json.load(index)["manifests"][0]["digest"])


Images = Callable[[str], list[str]]


@pytest.fixture(scope="module")
def images(one_node: str, tmp_path_factory: pytest.TempPathFactory) -> Images:
    """The digests of the images of a group, which is built when it is asked for."""

    place = tmp_path_factory.mktemp("uses")

    @cache
    def built(about: str) -> list[str]:
        folder = place / about.replace(" ", "-")
        folder.mkdir()
        builds = {f"t{number}": one for number, one in enumerate(GROUPS[about])}
        done = bake(builds, one_node, folder)
        assert done.returncode == 0, (about, done.stderr[-3000:])
        return [image_of(folder / f"{name}.tar") for name in builds]

    return built


@pytest.mark.corpus
@pytest.mark.parametrize("about", GROUPS)
def test_builds_that_differ_use_other_things(about: str, images: Images) -> None:
    found = [(key(one), image, one) for one, image in zip(GROUPS[about], images(about), strict=True)]
    wrong = [(a[2], b[2]) for a, b in combinations(found, 2) if a[1] != b[1] and a[0] == b[0]]
    assert wrong == []


@pytest.mark.corpus
@pytest.mark.parametrize("about", SAME)
def test_what_changes_no_image_is_not_used(about: str, images: Images) -> None:
    assert len(set(images(about))) == 1
    assert len({key(one) for one in SAME[about]}) == 1


@pytest.mark.corpus(counts=True)
def test_needless_differences_are_few(images: Images) -> None:
    """Of the pairs of one image nearly all have one key; the others are told by their groups."""
    needless: list[str] = []
    for about, group in GROUPS.items():
        found = [(key(one), image) for one, image in zip(group, images(about), strict=True)]
        needless += [about for a, b in combinations(found, 2) if a[1] == b[1] and a[0] != b[0]]
    assert {about: needless.count(about) for about in needless} == {
        "stages": 1,  # two stages of one name
        "arguments": 2,  # in the stage below
        "arguments of BuildKit": 1,  # for contexts of git, which the Dockerfile does not tell
        "exclude": 2,
        "base": 1,  # what an ONBUILD takes from a stage by its number or name
    }
