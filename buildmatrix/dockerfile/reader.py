"""What a Dockerfile tells: which stages it has, and whether building one runs programs of its platform."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

_HEREDOC = re.compile(r"\d*<<(?P<tabs>-?)(?P<name>[^<]+)")
_WORD = re.compile(r"""(?:[^\s"'\\]|\\.|"(?:\\.|[^"\\])*"|'[^']*')+""", re.DOTALL)
_QUOTES = re.compile(r"""["']|\\(?=.)""", re.DOTALL)
_WITH_DOCUMENTS = re.compile(r"(ONBUILD\s+)?(RUN|COPY|ADD)\s", re.IGNORECASE)
_COPY_FROM = re.compile(r"--from=([^\s,]+)|[,=]from=([^\s,]+)")


@dataclass
class _Stage:
    name: str
    base: str
    native: bool
    last: str
    """The last instruction that makes a step."""
    runs: bool = False
    uses: list[str] = field(default_factory=list)


_DIRECTIVE = re.compile(r"^#\s*(syntax|escape|check)\s*=\s*(\S+)", re.IGNORECASE)
_OURS = re.compile(r"(docker\.io/)?docker/dockerfile(-upstream)?(:.*)?")


@lru_cache(maxsize=1024)
def stage_names(text: str) -> tuple[str, ...] | None:
    """Return the names of the stages in lower case, as they are compared; None where they cannot be known.

    That is where another frontend than Docker's reads the file, or where lines are continued by another sign.
    """
    for line in text.removeprefix("\ufeff").splitlines():
        if (found := _DIRECTIVE.match(line.strip())) is None:
            break
        name = found[1].lower()
        if name == "escape" or (name == "syntax" and _OURS.fullmatch(found[2]) is None):
            return None
    stages = list(_stages(text))
    return tuple(stage.name for stage in stages if stage.name) if stages else None


@lru_cache(maxsize=1024)
def foreign_names(text: str) -> frozenset[str]:
    """Return what a Dockerfile builds upon or copies from beside its own stages, in lower case: images and contexts.

    Nothing where a variable names one: it may be any.
    """
    stages = list(_stages(text)) if stage_names(text) is not None else []
    names = {name for stage in stages for name in (stage.base, *stage.uses)}
    if any("$" in name for name in names):
        return frozenset()
    return frozenset(names - {stage.name for stage in stages} - {"scratch"})


def base_names(text: str) -> frozenset[str]:
    """Return what the stages of a Dockerfile build upon, in lower case."""
    return frozenset(stage.base for stage in _stages(text))


def runs_programs(text: str, stage: str | None) -> bool:
    """Tell whether the stage (None: the last), or one that it is made of, has a RUN for the target's platform.

    Stages of `FROM --platform=$BUILDPLATFORM` run on the builder's own platform and do not count.
    """
    stages = list(_stages(text))
    if not stages:
        return False
    known = {item.name: item for item in stages} | {str(index): item for index, item in enumerate(stages)}
    pending = [known.get((stage or "").lower(), stages[-1])]
    seen: set[int] = set()
    while pending:
        item = pending.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if item.runs and not item.native:
            return True
        pending += [known[name] for name in (item.base, *item.uses) if name in known]
    return False


def only_base(text: str) -> str:
    """Return what the only stage of a Dockerfile builds upon, in small letters; "" where there are several, or none."""
    stages = list(_stages(text)) if stage_names(text) is not None else []
    return stages[0].base if len(stages) == 1 else ""


def last_step(text: str, stage: str | None, contexts: Collection[str]) -> tuple[str, int] | None:
    """Return how BuildKit names the stage that is built, and how many of its numbered steps do not show.

    The steps of a Dockerfile's only stage have no name, those of an unnamed one `stage-1`. A FROM of another context
    is counted and not shown, a FROM of a stage is not counted. None where nothing of that can be known.
    """
    stages = list(_stages(text)) if stage_names(text) is not None else []
    names = _names(stages)
    if (place := _built(names, stage)) is None:
        return None
    hidden = int(stages[place].base not in names[:place] and stages[place].base in {key.lower() for key in contexts})
    return (names[place] if len(stages) > 1 else "", hidden)


def last_instruction(text: str, stage: str | None) -> str:
    """Return the instruction that makes the last step of the stage that is built; "" where that cannot be known."""
    stages = list(_stages(text)) if stage_names(text) is not None else []
    place = _built(_names(stages), stage)
    return "" if place is None else stages[place].last


def _names(stages: Iterable[_Stage]) -> list[str]:
    """Return the names of stages, as BuildKit has them."""
    return [one.name or f"stage-{number}" for number, one in enumerate(stages)]


def _built(names: Sequence[str], stage: str | None) -> int | None:
    """Return the place of the stage that is built; None where there is none of that name."""
    if not names or (stage and stage.lower() not in names):
        return None
    return names.index(stage.lower()) if stage else len(names) - 1


def pulls(text: str, contexts: Collection[str]) -> bool:
    """Tell whether a Dockerfile has a FROM of an image, and not only of its own stages and of other contexts."""
    known = {"scratch", *(key.lower() for key in contexts)}
    for stage in _stages(text):
        if stage.base not in known:
            return True
        known.add(stage.name)
    return False


def _stages(text: str) -> Iterator[_Stage]:
    current: _Stage | None = None
    for line in instructions(text):
        word, _, rest = line.partition(" ")
        match word.upper():
            case "FROM":
                if current is not None:
                    yield current
                current = _stage(line, rest)
            case "RUN" | "COPY" | "ADD" | "WORKDIR" as word if current is not None:
                current.runs |= word == "RUN"
                current.last = line
        if current is not None:
            current.uses += [(one or other).lower() for one, other in _COPY_FROM.findall(rest)]
    if current is not None:
        yield current


def _stage(line: str, rest: str) -> _Stage:
    words = [word for word in rest.split() if not word.startswith("--")]
    native = "--platform=$BUILDPLATFORM" in rest or "--platform=${BUILDPLATFORM}" in rest
    name = words[-1].lower() if [word.upper() for word in words[1:2]] == ["AS"] else ""
    return _Stage(name=name, base=words[0].lower() if words else "", native=native, last=line)


def instructions(text: str) -> Iterator[str]:
    """Yield each instruction on one line, without comments and here-documents."""
    return (instruction for _, instruction in numbered(text))


def numbered(text: str) -> Iterator[tuple[int, str]]:
    """Yield the same, each with the line on which it begins, from 1."""
    pending, begun, documents = "", 0, list[re.Match[str]]()
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if documents:
            end = line.lstrip("\t") if documents[0]["tabs"] else line
            documents = documents[end == _QUOTES.sub("", documents[0]["name"]) :]
            continue
        if not stripped or stripped.startswith("#"):
            continue
        begun = begun or number
        if stripped.endswith("\\"):
            pending += stripped[:-1] + " "
            continue
        whole, pending = (pending + stripped).strip(), ""
        documents = list(_documents(whole))
        yield begun, whole
        begun = 0


def _documents(instruction: str) -> Iterator[re.Match[str]]:
    """Yield the here-documents of an instruction: words that are nothing else (BuildKit's dockerfile/parser)."""
    if _WITH_DOCUMENTS.match(instruction):
        yield from filter(None, map(_HEREDOC.fullmatch, _WORD.findall(instruction)))
