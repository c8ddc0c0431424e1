"""Changes of Dockerfiles: of what they do, and of how they look."""

import random
import re

from tests.prove.kinds import kind, some_target
from tests.prove.projects import SOURCES, Composer, Project, Target


def _lines(target: Target, wanted: str) -> list[int]:
    return [number for number, line in enumerate(target.lines) if re.match(wanted, line)]


def _stage(target: Target, name: str) -> int:
    """Return where a stage begins, however its line looks by now."""
    begin = re.compile(rf"\s*FROM\b.* AS {name}", re.DOTALL | re.IGNORECASE)
    (found,) = (number for number, line in enumerate(target.lines) if begin.fullmatch(line))
    return found


@kind(10)
def a_number_in_a_dockerfile(chance: random.Random, made: Project) -> bool:
    target = some_target(chance, made)
    numbers = [one for one in _lines(target, r"(?!FROM|#|ONBUILD)") if re.search(r"\b1\b", target.lines[one])]
    if not numbers:
        return False
    number = chance.choice(numbers)
    target.lines[number] = re.sub(r"\b1\b", str(chance.randint(2, 9)), target.lines[number])
    return True


@kind(5)
def an_instruction_more(chance: random.Random, made: Project) -> bool:
    name = chance.choice(list(made.targets))
    target = made.targets[name]
    build = _stage(target, target.build)
    composer = Composer(chance, made, name)
    composer.count = 40 + chance.randrange(50)
    target.lines[build + 1 : build + 1] = composer.step()
    return True


@kind(3)
def an_instruction_less(chance: random.Random, made: Project) -> bool:
    target = some_target(chance, made)
    numbers = [
        one
        for one in _lines(target, r"RUN|COPY|LABEL|EXPOSE|CMD")
        if not re.search(r"/out(/made| )", target.lines[one])
    ]
    if not numbers:
        return False
    del target.lines[chance.choice(numbers)]
    return True


@kind(2)
def the_order_of_instructions(chance: random.Random, made: Project) -> bool:
    target = some_target(chance, made)
    pairs = [
        one
        for one in range(len(target.lines) - 1)
        if all(re.match("RUN|COPY|LABEL", line) for line in target.lines[one : one + 2])
    ]
    pairs = [one for one in pairs if not re.search(r"\$|/out( |/made)", "".join(target.lines[one : one + 2]))]
    if not pairs:
        return False
    at = chance.choice(pairs)
    target.lines[at : at + 2] = reversed(target.lines[at : at + 2])
    return True


@kind(4)
def what_is_copied(chance: random.Random, made: Project) -> bool:
    target = some_target(chance, made)
    numbers = [one for one in _lines(target, "COPY|ADD") if not re.search(r"--from|\$|<<", target.lines[one])]
    if not numbers:
        return False
    number = chance.choice(numbers)
    head, *_, last = target.lines[number].split()
    target.lines[number] = f"{head} {chance.choice(SOURCES)} {last}"
    return True


@kind(4)
def a_comment(chance: random.Random, made: Project) -> bool:
    target = some_target(chance, made)
    starts = _lines(target, "RUN|COPY|FROM|CMD")
    target.lines.insert(chance.choice(starts), f"# why {chance.randrange(1000)}")
    return True


@kind(4)
def the_look_of_a_dockerfile(chance: random.Random, made: Project) -> bool:
    target = some_target(chance, made)
    number = chance.choice(_lines(target, "RUN|COPY|FROM|ARG|ENV"))
    line = target.lines[number]
    word, _, rest = line.partition(" ")
    looks = [f"\n{line}", f"{word.lower()} {rest}", f"{word}   {rest}", f"  {line}", f"{word} \\\n  {rest}"]
    target.lines[number] = chance.choice(looks if "<<" not in line else looks[:1])
    return True


@kind(1)
def the_ends_of_lines(_: random.Random, made: Project) -> bool:
    for target in made.targets.values():
        if target.dockerfile and "<<" not in "".join(target.lines):
            target.ending = "\r\n" if target.ending == "\n" else "\n"
    return True


@kind(2)
def the_name_of_a_stage(chance: random.Random, made: Project) -> bool:
    target = some_target(chance, made)
    old, target.build = target.build, f"build{chance.randrange(100)}"
    target.lines = [re.sub(rf"(FROM |AS |from=){old}\b", rf"\g<1>{target.build}", line) for line in target.lines]
    if target.settings.get("target") == old:
        target.settings["target"] = target.build
    return True


@kind(3)
def a_stage_that_is_not_used(chance: random.Random, made: Project) -> bool:
    target = some_target(chance, made)
    if any(line.endswith("AS check") for line in target.lines):
        found = _lines(target, r"(?is)\s*RUN\b.*echo check \d+")
        if not found:
            return False
        target.lines[found[0]] = f"RUN echo check {chance.randrange(100)} > /check"
    else:
        at = _stage(target, "final")
        target.lines[at:at] = [f"FROM {made.tag_of('plain')} AS check", "RUN echo check 1 > /check", "COPY . /all"]
    return True


@kind(2)
def an_argument_before_the_first_from(chance: random.Random, made: Project) -> bool:
    target = some_target(chance, made)
    if found := _lines(target, "ARG BASE="):
        other = made.tag_of(chance.choice(["plain", "other"]))
        target.lines[found[0]] = f"ARG BASE={other}"
        return True
    target.lines.insert(_lines(target, "FROM")[0], f"ARG GLOBAL={chance.randrange(10)}")
    return True


@kind(2)
def where_the_dockerfile_stands(chance: random.Random, made: Project) -> bool:
    target = some_target(chance, made)
    if target.dockerfile and target.ending == "\n" and chance.random() < 0.5:
        target.dockerfile = ""
    else:
        target.dockerfile = f"other-{list(made.targets.values()).index(target)}.Dockerfile"
    return True
