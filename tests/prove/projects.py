"""Random projects that somebody could have: contexts, Dockerfiles of several stages, and the spec that builds them.

A project is data. `written` makes a directory of it; what is not in the data (the directory's name, times) differs.
"""

import os
import random
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tests.fuzz.mutations import dumped

AMD, ARM = "linux/amd64", "linux/arm64"
DAY = 86400
SOME_TIME = 1_700_000_000


@dataclass
class Node:
    """What there is at a path: a file with this text, a link to it, a second name of that file, or a directory."""

    text: str = ""
    kind: Literal["file", "link", "hard", "directory"] = "file"
    is_executable: bool = False
    age: int = 0
    owner: int = 0


@dataclass
class Target:
    """A target: the lines of its Dockerfile, which is a file of its context, or with the name "" in the spec."""

    context: str
    lines: list[str] = field(default_factory=list)
    dockerfile: str = "Dockerfile"
    build: str = "build"
    ending: str = "\n"
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass
class Project:
    """All that makes the images of a project, and of the machine: its umask and SOURCE_DATE_EPOCH.

    `repository` is where it pushes to, `base` what the tags of its base images begin with.
    """

    repository: str
    base: str
    files: dict[str, Node] = field(default_factory=dict)
    targets: dict[str, Target] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=lambda: {"run": "1", "version": "1"})
    bases: dict[str, str] = field(default_factory=dict)
    secret: str = "1"  # noqa: S105 nobody's
    epoch: str = ""
    umask: int = 0o022

    def tag_of(self, slot: str) -> str:
        """The name of a base image of this project."""
        return f"{self.base}-{slot}"

    def tag(self, name: str) -> str:
        return f"{self.repository}/{name}:1"


PLAIN = ["plain0", "plain1", "plain2"]
SLOTS = {"plain": PLAIN, "other": PLAIN, "onbuild": ["onbuild0", "onbuild1"], "env": ["env0", "env1"]}
"""The images that each base of a project may be, see `bases.py`."""

CONTEXT = {
    "a.txt": Node("a1\n"), "b.txt": Node("b1\n"), "sub/c.txt": Node("c1\n"), "sub/d.txt": Node("d1\n"),
    "sub/deep/e.txt": Node("e1\n"), "bin/run.sh": Node("#!/bin/sh\necho 1\n", is_executable=True),
    "link.txt": Node("a.txt", "link"), "dirlink": Node("sub", "link"), "sub/inner": Node("../b.txt", "link"),
    "sub/outside": Node("../../../outside.txt", "link"), "notes.md": Node("notes 1\n"), "logs/x.log": Node("log 1\n"),
    "with space.txt": Node("s1\n"), "keep.md": Node("k1\n"), "other/z.txt": Node("z1\n"), "other/y.txt": Node("y1\n"),
}  # fmt: skip
IGNORES = [
    "logs\n*.md\n!keep.md\n",
    "# nothing\nlogs\n",
    "**/*.log\nnotes.md\nother\n",
    "*\n!a.txt\n!b.txt\n!sub\n!bin\n",
]
NAMED = {"n.txt": Node("n1\n"), "m.txt": Node("m1\n"), "in/o.txt": Node("o1\n"), "skip.md": Node("skip 1\n")}
SOURCES = [
    "a.txt", "sub", "sub/", ".", "*.txt", "s?b/*.txt", "link.txt", "dirlink", "a.txt b.txt sub", "bin/run.sh", "bin",
    "[ab].txt", "sub/deep", "sub/../b.txt", "/sub/c.txt", "dirlink/c.txt",
]  # fmt: skip


def copied(node: Node) -> Node:
    return Node(node.text, node.kind, node.is_executable, node.age, node.owner)


def project_of(chance: random.Random, repository: str, base: str) -> Project:
    """Return a random project: one to three targets, one of which may be built on the first one."""
    made = Project(repository, base, bases={slot: chance.choice(held) for slot, held in SLOTS.items()})
    made.files["outside.txt"] = Node("outside 1\n")
    platforms = chance.choice([[AMD], [AMD], [AMD], [AMD, ARM]])
    for name in ["lib", "app", "tool"][: chance.choice([1, 1, 2, 2, 3])]:
        _target(chance, made, name, list(platforms))
    return made


def _target(chance: random.Random, made: Project, name: str, platforms: list[str]) -> None:
    context = chance.choice([f"images/{name}", f"images/{name}", "images/shared"])
    if f"{context}/a.txt" not in made.files:
        made.files |= {f"{context}/{path}": copied(node) for path, node in CONTEXT.items()}
        if chance.random() < 0.7:
            made.files[f"{context}/.dockerignore"] = Node(chance.choice(IGNORES))
    alone = context.endswith(name)
    target = Target(
        context, dockerfile=chance.choice(["Dockerfile", "Dockerfile", ""]) if alone else f"{name}.Dockerfile"
    )
    if target.dockerfile and chance.random() < 0.2:
        made.files[f"{context}/{target.dockerfile}.dockerignore"] = Node(chance.choice(IGNORES))
    made.targets[name] = target
    target.settings = {
        "tags": [made.tag(name)],
        "output": [{"type": "registry"}],
        "labels": {"version": "{{ version }}", "run": "{{ run }}"},
    }
    if len(platforms) > 1 or chance.random() < 0.5:
        target.settings["platforms"] = platforms
    _named_context(chance, made, name)
    head = _parent(chance, made, name) if name != "lib" else ""
    target.lines = Composer(chance, made, name).dockerfile(head)


def _named_context(chance: random.Random, made: Project, name: str) -> None:
    if chance.random() < 0.4:
        made.files |= {f"extra/{name}/{path}": copied(node) for path, node in NAMED.items()}
        if chance.random() < 0.5:
            made.files[f"extra/{name}/.dockerignore"] = Node("*.md\n")
        made.targets[name].settings["contexts"] = {"extra": f"extra/{name}"}


def _parent(chance: random.Random, made: Project, name: str) -> str:
    """Return what a target is built on, where that is another one."""
    settings, way = made.targets[name].settings, chance.choice(["", "", "target", "target", "needs"])
    if "platforms" in made.targets["lib"].settings:
        settings["platforms"] = list(made.targets["lib"].settings["platforms"])
    elif way:
        settings.pop("platforms", None)
    if way == "target":
        settings["contexts"] = {**settings.get("contexts", {}), "up": "target:lib"}
        return "up"
    if way == "needs":
        settings["needs"] = ["lib"]
        return made.tag("lib")
    return ""


class Composer:
    """Composes a Dockerfile; each of its lines has a number, which a mutation may change."""

    def __init__(self, chance: random.Random, made: Project, name: str) -> None:
        self.chance, self.made, self.target = chance, made, made.targets[name]
        self.count = 0
        self.is_last = False
        self.contexts = self.target.settings.get("contexts", {})

    def dockerfile(self, parent: str) -> list[str]:
        """Return the lines, an instruction with its here-documents each."""
        lines, chance = ["# a Dockerfile"], self.chance
        plain = self.made.tag_of("plain")
        lines += chance.choice([[], ["ARG UNUSED=1"], [f"ARG BASE={plain}", "ARG UNUSED=1"]])
        first = (
            "FROM ${BASE} AS build" if any(line.startswith("ARG BASE") for line in lines) else f"FROM {plain} AS build"
        )
        lines += [first, "RUN mkdir -p /out && echo 1 > /out/made", *self.steps(2)]
        if chance.random() < 0.4:
            lines += [f"FROM {plain} AS lint", "RUN echo lint 1 > /lint", "COPY other /other"]
        if chance.random() < 0.3:
            lines += ["FROM build AS for-amd64", "RUN echo amd 1 > /out/arch", "FROM build AS for-arm64"]
            lines += ["RUN echo arm 1 > /out/arch", "FROM for-${TARGETARCH} AS picked"]
            last = "picked"
        else:
            last = chance.choice(["scratch", plain, self.made.tag_of("onbuild"), self.made.tag_of("env")])
        last = parent or last
        across = parent == "up" and chance.random() < 0.5
        lines += ["FROM --platform=$BUILDPLATFORM up AS across"] if across else []
        lines += [f"FROM {last} AS final", "COPY --from=build /out /out"]
        lines += ["COPY --from=across /out /across"] if across else []
        if last == self.made.tag_of("env"):
            lines += ["COPY ${SRC} /from-env/"]
        self.is_last = True
        lines += [line for _ in range(2) for line in (self.files() if last == "scratch" else self.step())]
        return [*lines, 'CMD ["sh", "-c", "1"]']

    def steps(self, most: int) -> list[str]:
        return [line for _ in range(self.chance.randint(1, most)) for line in self.step()]

    def step(self) -> list[str]:
        """Return one or two lines of a stage that has a shell."""
        kinds = [self.files, self.files, self.run, self.heredoc, self.argument, self.variable, self.mount, self.setting]
        return self.chance.choice(kinds)()

    def place(self) -> str:
        """Return a path that reaches the image: of the first stage only /out does."""
        self.count += 1
        return f"/p{self.count}" if self.is_last else f"/out/p{self.count}"

    def files(self) -> list[str]:
        if "extra" in self.contexts and self.chance.random() < 0.4:
            return [f"COPY --from=extra {self.chance.choice(['.', 'n.txt', 'in', '*.txt'])} {self.place()}/"]
        word = self.chance.choice(["COPY", "COPY", "ADD"])
        flag = self.chance.choice(["", "", "", "--chmod=755 ", "--chown=1:1 ", "--link "])
        return [f"{word} {flag}{self.chance.choice(SOURCES)} {self.place()}/"]

    def run(self) -> list[str]:
        return [f"RUN echo 1 > {self.place()}"]

    def heredoc(self) -> list[str]:
        place = self.place()
        body = self.chance.choice(["echo 1", "# a comment\necho 1", 'echo "$HOME" 1'])
        return self.chance.choice([[f"RUN <<E\n({body}\n) > {place}\nE"], [f"COPY <<'E' {place}\n{body}\nE"]])

    def argument(self) -> list[str]:
        name = f"ARG{self.count}"
        copied_from = [f"ARG {name}=sub", f"COPY ${{{name}}} {self.place()}/"]
        return self.chance.choice(
            [[f"ARG {name}=1", f"RUN echo ${name} > {self.place()}"], [f"ARG {name}=1"], copied_from]
        )

    def variable(self) -> list[str]:
        name = f"ENV{self.count}"
        return self.chance.choice([[f"ENV {name}=1"], [f"ENV {name}=sub", f"COPY ${name} {self.place()}/"]])

    def setting(self) -> list[str]:
        return [self.chance.choice(["LABEL own=1", "WORKDIR /w1", "EXPOSE 1", "STOPSIGNAL 1", "VOLUME /v1"])]

    def mount(self) -> list[str]:
        """Return a RUN with a mount; what it reads is in the image."""
        every = r"find . | sort && find . -type f | sort | tr '\n' '\0' | xargs -0 cat"
        bind = [
            f"RUN --mount=type=bind,source=sub,target=/m cd /m && ({every}) > {self.place()}",
            f"RUN --mount=target=/m cd /m && ({every}) > {self.place()}",
            f"RUN --mount=source=link.txt,target=/m cat /m > {self.place()}",
            f"RUN --mount=from=build,target=/m cat /m/out/made > {self.place()}",
            f"RUN --mount=from={self.made.tag_of('plain')},source=/base,target=/m cat /m > {self.place()}",
        ]
        others = [
            f"RUN --mount=type=cache,target=/c echo 1 > {self.place()}",
            f"RUN --mount=type=secret,id=token test -s /run/secrets/token && echo 1 > {self.place()}",
        ]
        if "extra" in self.contexts:
            bind.append(f"RUN --mount=from=extra,target=/m cat /m/n.txt /m/in/o.txt > {self.place()}")
        found = self.chance.choice([*bind, *others])
        if "type=secret" in found:
            self.target.settings["secret"] = [{"id": "token", "src": "token"}]
        return [found] if "from=build" not in found or self.is_last else self.run()


# --- as a directory ---------------------------------------------------------------------------------------------------


def spec_of(made: Project) -> str:
    """Return the spec of a project."""
    variables = {
        name: {"default": value, **({"volatile": True} if name == "run" else {})}
        for name, value in made.variables.items()
    }
    targets = {}
    for name, target in made.targets.items():
        text = target.ending.join([*target.lines, ""])
        how = {"dockerfile": target.dockerfile} if target.dockerfile else {"dockerfile-inline": text}
        targets[name] = {"context": target.context, **how, **target.settings}
    return dumped({"version": 1, "variable": variables, "target": targets})


def written(made: Project, folder: Path) -> Path:
    """Write a project into a directory that is not there yet."""
    before = os.umask(made.umask)
    try:
        folder.mkdir(parents=True)
        _write(folder / "buildmatrix.toml", Node(spec_of(made)))
        _write(folder / "token", Node(made.secret))
        for target in made.targets.values():
            if target.dockerfile:
                text = "\n".join([*target.lines, ""]).replace("\n", target.ending)
                _write(folder / target.context / target.dockerfile, Node(text))
        for path, node in sorted(made.files.items(), key=lambda one: one[1].kind == "hard"):
            _write(folder / path, node)
    finally:
        os.umask(before)
    return folder


def _write(path: Path, node: Node) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if node.kind == "directory":
        path.mkdir(exist_ok=True)
    elif node.kind == "link":
        path.symlink_to(node.text)
    elif node.kind == "hard":
        path.hardlink_to(path.parent / node.text)
    else:
        path.write_bytes(node.text.encode())
        if node.is_executable:
            path.chmod(path.stat().st_mode | ((path.stat().st_mode & 0o444) >> 2))
        os.utime(path, (SOME_TIME - node.age * DAY + zlib.crc32(str(path).encode()) % 10**7,) * 2)
        if node.owner and os.getuid() == 0:
            os.chown(path, node.owner, node.owner)
