"""Changes of files, links and directories of contexts, and of what is left out of them."""

import posixpath
import random
import re

from tests.prove.kinds import kind
from tests.prove.projects import Node, Project


def _other(chance: random.Random, text: str) -> str:
    """Return a text with another number in it, or with one at its end."""
    found = list(re.finditer(r"\d+", text))
    if not found:
        return f"{text}{chance.randrange(100)}"
    one = chance.choice(found)
    return f"{text[: one.start()]}{(int(one[0]) + chance.randint(1, 8)) % 10}{text[one.end() :]}"


def _paths(made: Project, *kinds: str, below: str = "") -> list[str]:
    return [path for path, node in made.files.items() if node.kind in (kinds or ("file",)) and path.startswith(below)]


def _is_ignore_file(path: str) -> bool:
    return path.endswith(".dockerignore")


def _contents(made: Project) -> list[str]:
    return [path for path in _paths(made) if not _is_ignore_file(path)]


def _folders(made: Project) -> list[str]:
    return sorted({posixpath.dirname(path) for path in made.files} - {"", "images"})


@kind(14)
def the_text_of_a_file(chance: random.Random, made: Project) -> bool:
    node = made.files[chance.choice(_contents(made))]
    node.text = _other(chance, node.text)
    return True


@kind(3)
def the_length_of_a_file(chance: random.Random, made: Project) -> bool:
    node = made.files[chance.choice(_contents(made))]
    node.text = chance.choice([f"{node.text}more\n", "", node.text.replace("\n", "\r\n")])
    return True


@kind(6)
def a_file_more(chance: random.Random, made: Project) -> bool:
    name = chance.choice(["new.txt", "new.log", "new.md", "a b.txt", ".hidden", "[x].txt", "é.txt"])
    path = f"{chance.choice(_folders(made))}/{name}"
    if path in made.files:
        return False
    made.files[path] = Node("new 1\n", is_executable=chance.random() < 0.2)
    return True


@kind(4)
def a_file_less(chance: random.Random, made: Project) -> bool:
    unneeded = [
        path for path in _contents(made) if re.search(r"new|notes|log|keep|hidden|skip|\[x|é| |y.txt|d.txt", path)
    ]
    if not unneeded:
        return False
    del made.files[chance.choice(unneeded)]
    return not any(
        posixpath.join(posixpath.dirname(p), n.text) not in made.files
        for p, n in made.files.items()
        if n.kind == "hard"
    )


@kind(2)
def the_name_of_a_file(chance: random.Random, made: Project) -> bool:
    path = chance.choice([one for one in _contents(made) if re.search(r"new|notes|log|keep|d.txt|z.txt|m.txt", one)])
    folder, name = posixpath.split(path)
    made.files[f"{folder}/{chance.choice(['r-', 'r'])}{name}"] = made.files.pop(path)
    return True


@kind(3)
def the_executable_bit(chance: random.Random, made: Project) -> bool:
    node = made.files[chance.choice(_contents(made))]
    node.is_executable = not node.is_executable
    return True


@kind(3)
def the_time_of_a_file(chance: random.Random, made: Project) -> bool:
    made.files[chance.choice(_contents(made))].age += chance.randint(-5, 5)
    return True


@kind(1)
def the_owner_of_a_file(chance: random.Random, made: Project) -> bool:
    made.files[chance.choice(_contents(made))].owner = chance.choice([0, 1000, 65534])
    return True


LEADS = [
    "a.txt",
    "b.txt",
    "sub/c.txt",
    "../sub/c.txt",
    "sub",
    "other",
    "/b.txt",
    "../../../outside.txt",
    "nowhere",
    ".",
]


@kind(4)
def where_a_link_leads(chance: random.Random, made: Project) -> bool:
    made.files[chance.choice(_paths(made, "link"))].text = chance.choice(LEADS)
    return True


@kind(2)
def a_link_more(chance: random.Random, made: Project) -> bool:
    path = f"{chance.choice(_folders(made))}/{chance.choice(['new-link', 'link2.txt'])}"
    made.files.setdefault(path, Node(chance.choice(LEADS), "link"))
    return True


@kind(2)
def a_link_in_place_of_a_file(chance: random.Random, made: Project) -> bool:
    path = chance.choice([one for one in _contents(made) if re.search(r"[bde].txt|z.txt|keep", one)])
    made.files[path] = Node(chance.choice(["../a.txt", "a.txt", "c.txt"]), "link")
    return True


@kind(1)
def a_file_in_place_of_a_link(chance: random.Random, made: Project) -> bool:
    made.files[chance.choice(_paths(made, "link"))] = Node("was a link 1\n")
    return True


@kind(1)
def a_second_name_of_a_file(chance: random.Random, made: Project) -> bool:
    path = chance.choice(_contents(made))
    made.files.setdefault(f"{posixpath.dirname(path)}/second.txt", Node(posixpath.basename(path), "hard"))
    return True


@kind(1)
def an_empty_directory(chance: random.Random, made: Project) -> bool:
    made.files.setdefault(f"{chance.choice(_folders(made))}/empty{chance.randrange(3)}", Node(kind="directory"))
    return True


# --- what is left out -------------------------------------------------------------------------------------------------

PATTERNS = [
    "logs",
    "*.md",
    "!keep.md",
    "other",
    "sub/d.txt",
    "**/*.txt",
    "!sub/c.txt",
    "bin",
    "!**/c.txt",
    "nothing",
    "?.txt",
]


def _ignore_files(made: Project) -> list[str]:
    return [path for path in _paths(made) if _is_ignore_file(path)]


@kind(4)
def a_pattern_of_an_ignore_file(chance: random.Random, made: Project) -> bool:
    if not (found := _ignore_files(made)):
        return False
    node = made.files[chance.choice(found)]
    lines = node.text.splitlines()
    if lines and chance.random() < 0.4:
        del lines[chance.randrange(len(lines))]
    else:
        lines.insert(chance.randrange(len(lines) + 1), chance.choice(PATTERNS))
    node.text = "\n".join([*lines, ""])
    return True


@kind(3)
def the_words_of_an_ignore_file(chance: random.Random, made: Project) -> bool:
    if not (found := _ignore_files(made)):
        return False
    node = made.files[chance.choice(found)]
    node.text = chance.choice(
        [f"# why\n{node.text}", f"{node.text}\n\n", node.text.replace("logs", "./logs/"), f"{node.text}nothing\n"]
    )
    return True


@kind(2)
def an_ignore_file_of_a_dockerfile(chance: random.Random, made: Project) -> bool:
    files = [one for one in made.targets.values() if one.dockerfile]
    if not files:
        return False
    one = chance.choice(files)
    path = f"{one.context}/{one.dockerfile}.dockerignore"
    if path in made.files:
        del made.files[path]
    else:
        made.files[path] = Node(chance.choice(["", "logs\n", "*.md\nlogs\n", "other\n"]))
    return True


@kind(1)
def a_context_s_own_ignore_file(chance: random.Random, made: Project) -> bool:
    path = f"{chance.choice(sorted({one.context for one in made.targets.values()}))}/.dockerignore"
    if path in made.files:
        del made.files[path]
    else:
        made.files[path] = Node("logs\n*.md\n")
    return True
