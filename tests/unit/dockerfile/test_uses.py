"""What one Build uses of its Dockerfile; the pitfalls are those that other tools' digests fell into."""

from collections.abc import Mapping
from typing import Any

import pytest

from buildmatrix.dockerfile import library, parser
from buildmatrix.dockerfile.links import Config
from buildmatrix.dockerfile.remote import Remote
from buildmatrix.dockerfile.uses import Doubt, Uses, uses_of

HUB = "docker.io/library/"
ZERO = "0" * 64
COMMIT = "0123456789" * 4


class Any_(dict[str, Config]):  # noqa: N801 it is as good as any mapping
    """A configuration of nothing for each image that is asked for."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> Config:
        return Config()

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ARG002 dict's
        return dict.get(self, name, Config())


def uses(text: str, bases: Mapping[str, Config] | None = None, **options: Any) -> Uses:
    given: dict[str, Any] = {"target": None, "platform": "linux/amd64", "args": {}, "contexts": (), **options}
    return uses_of(text, bases=Any_() if bases is None else bases, **given)


def recipe(text: str, **options: Any) -> object:
    found = uses(text, **options)
    assert found.doubts == ()
    return found.recipe


def sources(text: str, **options: Any) -> Mapping[str, tuple[str, ...] | None]:
    return uses(text, **options).sources


def doubts(text: str, **options: Any) -> list[str]:
    return [f"{one.line}: {one.text}" for one in uses(text, **options).doubts]


def test_pitfall_1_the_body_of_a_heredoc_counts() -> None:
    text = "FROM x\nRUN <<E\n{}\nE\nCOPY {} /\n{}\nF\n"
    found = {
        recipe(text.format(*parts))
        for parts in (("a", "<<F", "b"), ("c", "<<F", "b"), ("a", "<<F", "d"), ("a", "<<'F'", "b"), ("a", "<<-F", "b"))
    }
    assert len(found) == 5


def test_pitfall_2_the_whole_reachable_graph_counts() -> None:
    text = """FROM x AS a
RUN {}
FROM a AS b
RUN {}
FROM y AS c
RUN {}
FROM y AS d
RUN {}
FROM b
COPY --from=c / /
RUN --mount=from=d,target=/d true
"""
    words = ["1", "2", "3", "4"]
    found = {recipe(text.format(*words))}
    found |= {recipe(text.format(*words[:at], "changed", *words[at + 1 :])) for at in range(4)}
    assert len(found) == 5


def test_pitfall_2_which_stage_is_meant_counts() -> None:
    text = "FROM x AS a\nRUN 1\nFROM x AS b\nRUN 2\nFROM {}\nCOPY --from={} / /\nRUN --mount=from={} a\n"
    names = [("a", "b", "b"), ("b", "a", "a"), ("a", "a", "b"), ("a", "b", "a"), ("x", "a", "b"), ("a", "x", "b")]
    assert len({recipe(text.format(*one)) for one in names}) == len(names)
    assert recipe(text.format("a", "1", "B")) == recipe(text.format("a", "b", "b"))


def test_pitfall_2_per_platform() -> None:
    text = "FROM x AS s-amd64\nRUN {}\nFROM y AS s-arm64\nRUN {}\nFROM s-$TARGETARCH\n"
    one, other = text.format(1, 2), text.format(1, 3)
    assert recipe(one) == recipe(other)
    assert recipe(one, platform="linux/arm64") != recipe(other, platform="linux/arm64")
    assert [image.name for image in uses(one, platform="linux/arm64").images] == [f"{HUB}y:latest"]


def test_pitfall_3_and_5_each_base_is_told() -> None:
    text = "FROM x:1 AS a\nFROM y\nCOPY --from=a / /\nCOPY --from=z / /\n"
    assert [one.name for one in uses(text).images] == [f"{HUB}x:1", f"{HUB}y:latest", f"{HUB}z:latest"]
    assert recipe("FROM x\nRUN a") != recipe("FROM y\nRUN a")


def test_pitfall_4_the_context_of_another_target_is_told_where_it_is_used() -> None:
    text = "FROM a AS one\nFROM b AS two\nCOPY --from=c / /\n"
    given = ["a", "b", "c", "d"]
    assert uses(text, contexts=given).contexts == {"b", "c"}
    assert uses(text, contexts=given, target="one").contexts == {"a"}


def test_pitfall_6_arguments() -> None:
    text = "ARG F=x\nFROM $F\nARG A=1\nRUN a\n"
    assert recipe(text) == recipe(text, args={"UNUSED": "1"}) == recipe(text, args={"A": "1"})
    assert recipe(text) == recipe(text, args={"F": "docker.io/library/x:latest"}) == recipe("FROM x\nARG A=1\nRUN a\n")
    assert recipe(text) != recipe(text, args={"A": "2"})
    assert recipe(text) != recipe(text, args={"A": ""})
    assert recipe("ARG A=1\nFROM x AS y\nARG A\nFROM x") == recipe("ARG A=2\nFROM x AS y\nARG A\nFROM x")
    assert recipe("ARG A=1\nFROM x AS y\nARG A\nFROM y") != recipe("ARG A=2\nFROM x AS y\nARG A\nFROM y")


def test_pitfall_7_the_builders_platform_is_out_and_its_use_is_in() -> None:
    used = recipe("FROM --platform=$BUILDPLATFORM x\nARG BUILDARCH\nRUN $BUILDARCH\n")
    assert used != recipe("FROM --platform=$BUILDPLATFORM x\nRUN $BUILDARCH\n")
    assert used != recipe("FROM x\nARG BUILDARCH\nRUN $BUILDARCH\n")
    assert recipe("ARG X=a$BUILDOS\nFROM x\nARG X\n") != recipe("ARG X=b$BUILDOS\nFROM x\nARG X\n")
    assert "arm" not in str(used)


def test_pitfall_7_an_image_by_the_builders_platform_is_a_doubt() -> None:
    assert doubts("FROM x-$BUILDARCH") == ["1: 'x-$BUILDARCH' cannot be told to be an image, a stage or a context"]
    assert doubts("FROM x-$TARGETARCH", platform="") != []
    assert doubts("FROM x-$TARGETARCH") == []


def test_pitfall_8_onbuild_of_a_base_reads_the_context() -> None:
    text = "FROM x\nCOPY a /\n"
    bases = {f"{HUB}x:latest": Config(("COPY package.json /", "RUN --mount=source=lib,target=/l true"))}
    assert sources(text, bases=bases) == {"": ("a", "lib", "package.json")}
    assert sources(text) == {"": ("a",)}
    unknown = uses(text, bases={}, contexts=["c"])
    assert unknown.sources == {"": None, "c": None}
    assert unknown.contexts == {"c"}
    assert unknown.unread == (f"{HUB}x:latest",)
    assert unknown.doubts == (Doubt(f"no registry told what {HUB}x:latest is, which may have ONBUILD triggers", 1),)


def test_pitfall_8_env_of_a_base_is_in_paths() -> None:
    text = "FROM x AS y\nFROM y\nCOPY $SRC ${NO}b /d/\n"
    name = f"{HUB}x:latest"
    assert sources(text, bases={name: Config(env={"SRC": "a"})}) == {"": ("a", "b")}
    assert sources(text, bases={name: Config(env={"SRC": None})}) == {"": None}
    assert sources(text, bases={name: Config()}) == {"": None}  # nothing is in SRC: all


def test_pitfall_10_a_variable_that_stays_open() -> None:
    assert sources("FROM scratch\nARG A\nCOPY x/$A /") == {"": ("x",)}
    assert sources("FROM scratch\nARG A\nCOPY x/$A /", args={"A": "y"}) == {"": ("x/y",)}
    assert sources("FROM scratch\nARG BUILDARCH\nCOPY x/$BUILDARCH /") == {"": None}
    assert sources("FROM scratch\nARG HTTP_PROXY\nCOPY x/$HTTP_PROXY /") == {"": None}
    assert sources("FROM scratch\nARG TARGETARCH\nCOPY x/$TARGETARCH /", platform="") == {"": None}
    assert sources("FROM scratch\nCOPY x/${A:?no} /") == {"": None}
    assert sources("FROM scratch\nARG TARGETSTAGE\nCOPY x/$TARGETSTAGE /") == {"": None}
    assert sources("FROM scratch\nARG A=a B=$A\nCOPY x/$B /") == {"": None}
    assert sources("FROM scratch\nENV A=a\nARG A=b\nCOPY $A /") == {"": ("b",)}
    assert sources("FROM scratch\nARG A\nENV $A$BUILDARCH=1 B=1\nCOPY $B /") == {"": ("1",)}
    assert sources("FROM scratch\nARG BUILDARCH\nENV B=1 $BUILDARCH=1\nCOPY $B /") == {"": None}


def test_pitfall_11_each_context_has_its_own_paths() -> None:
    text = "FROM scratch\nCOPY a /\nCOPY --from=one b /\nRUN --mount=from=two,target=/t,source=/c/d/.. true\n"
    assert sources(text, contexts=["one", "two", "three"]) == {"": ("a",), "one": ("b",), "two": ("c",)}
    assert sources("FROM one\n", contexts=["one"]) == {"one": None}
    assert sources("FROM x AS one\nRUN a\n", contexts=["one"]) == {"one": None}


def test_pitfall_15_lines_are_out() -> None:
    text = "FROM x\nRUN a\nCOPY b /\n"
    assert recipe(text) == recipe("\n# c\nFROM x\n\nRUN a\n# c\nCOPY b /") == recipe(text.replace("\n", "\r\n"))


def test_pitfall_16_nothing_is_joined() -> None:
    assert recipe("FROM x\nCOPY a bc /") != recipe("FROM x\nCOPY ab c /")
    assert recipe('FROM x\nCMD ["a"]') != recipe("FROM x\nCMD a")
    assert recipe("FROM x\nARG A=b\nARG C") != recipe("FROM x\nARG A=bC\nARG C")
    assert all(isinstance(part, str) for row in uses("FROM x\nENV A=1 B=2").recipe for part in row)


@pytest.mark.parametrize(
    ("text", "args", "found"),
    [
        ("FROM x", {}, []),
        ("# syntax=docker/dockerfile:1\nFROM x", {}, []),
        ("# syntax=docker/dockerfile-upstream:master\nFROM x", {}, []),
        ("# syntax=acme/own\nFROM x", {}, ["1: another frontend reads the Dockerfile: acme/own"]),
        ("FROM x", {"BUILDKIT_SYNTAX": "acme/own:1"}, ["0: another frontend reads the Dockerfile: acme/own:1"]),
        ("# syntax=acme/own\nFROM x", {"BUILDKIT_SYNTAX": "docker/dockerfile:1"}, []),
        ("INCLUDE x\nFROM x", {}, ["0: the Dockerfile cannot be read"]),
        ("", {}, ["0: the Dockerfile cannot be read"]),
    ],
)
def test_pitfall_18_frontends(text: str, args: dict[str, str], found: list[str]) -> None:
    assert doubts(text, args=args) == found


def test_pitfall_18_the_frontend_counts() -> None:
    texts = [f"{head}FROM x" for head in ("", "# syntax=docker/dockerfile:1\n", "# syntax=docker/dockerfile:1.7\n")]
    assert len({recipe(text) for text in texts}) == 3
    assert recipe(texts[0], args={"BUILDKIT_SYNTAX": "docker/dockerfile:1"}) == recipe(texts[1])
    assert uses(texts[1]).images[0].name == "docker.io/docker/dockerfile:1"


@pytest.mark.parametrize(
    ("words", "kind", "pin"),
    [
        ("https://x/y.tgz", "http", ""),
        (f"--checksum=sha256:{ZERO} https://x/y.tgz", "http", f"sha256:{ZERO}"),
        ("--checksum=${SUM} https://x/y.tgz", "http", f"sha256:{ZERO}"),
        ("--checksum=sha256:1234 https://x/y.tgz", "http", ""),
        ("--checksum=$NO https://x/y.tgz", "http", ""),
        ("https://x/y.git", "git", ""),
        ("https://x/y.git#main", "git", ""),
        ("https://x/y.git#v1:sub", "git", ""),
        (f"https://x/y.git#{COMMIT}:sub", "git", COMMIT),
        (f"git@x.y:z.git#{COMMIT}", "git", COMMIT),
        ("git@x.y:z.git", "git", ""),
        ("ssh://git@x/z", "git", ""),
        (f"--checksum={COMMIT} https://x/y.git#main", "git", COMMIT),
        (f"--checksum={COMMIT[:9]} https://x/y.git#main", "git", ""),
        (f"HTTPS://x/y#{COMMIT}", "git", ""),
        (f"https://x/y.git?branch=main&checksum={COMMIT}", "git", COMMIT),
    ],
)
def test_pitfall_19_what_add_fetches(words: str, kind: str, pin: str) -> None:
    found = uses(f"FROM x\nARG SUM=sha256:{ZERO}\nADD {words} /\n")
    url = words.rsplit(maxsplit=1)[-1]
    remote = (Remote(url, kind, pin, 3),)  # type: ignore[arg-type]
    assert (found.remote, found.unpinned) == ((remote, ()) if pin else ((), remote))
    assert found.doubts == ()
    assert found.sources == {}


def test_pitfall_19_what_may_be_a_url() -> None:
    assert doubts("FROM scratch\nARG BUILDARCH\nADD $BUILDARCH /") == ["3: ADD $BUILDARCH may be a URL"]
    assert uses("FROM scratch\nARG U=https://x/y\nADD $U /").unpinned == (Remote("https://x/y", "http", "", 3),)
    assert recipe("FROM scratch\nADD a.tgz /") is not None


def test_pitfall_20_ids_of_secrets_are_in() -> None:
    text = "FROM x\nRUN --mount=type={},id={} true\n"
    found = [uses(text.format(kind, name)) for kind in ("secret", "ssh") for name in ("a", "b")]
    assert len({one.recipe for one in found}) == 4
    assert {str(one.sources) for one in found} == {"{}"}
    assert all(not one.doubts for one in found)


def test_pitfall_21_arguments_of_buildkit_that_an_image_shows() -> None:
    names = ["INLINE_CACHE", "MULTI_PLATFORM", "SANDBOX_HOSTNAME", "CONTEXT_KEEP_GIT_DIR", "ATTEST_SBOM", "OF_LATER"]
    found = {recipe("FROM x", args={f"BUILDKIT_{name}": "1"}) for name in names}
    found |= {recipe("FROM x", args={"SOURCE_DATE_EPOCH": value}) for value in ("1", "2")}
    assert len(found | {recipe("FROM x")}) == 9
    for name in ("DOCKERFILE_CHECK", "CACHE_MOUNT_NS"):
        assert recipe("FROM x", args={f"BUILDKIT_{name}": "1"}) == recipe("FROM x")


def test_a_time_that_buildkit_looks_up_is_a_doubt() -> None:
    said = "0: SOURCE_DATE_EPOCH is not a number: 'context'"
    assert doubts("FROM x", args={"SOURCE_DATE_EPOCH": "context"}) == [said]
    assert doubts("ARG SOURCE_DATE_EPOCH=context\nFROM x") == [said]
    assert doubts("ARG SOURCE_DATE_EPOCH=12\nFROM x") == []
    assert recipe("ARG SOURCE_DATE_EPOCH=12\nFROM x") != recipe("ARG SOURCE_DATE_EPOCH=13\nFROM x")


def test_proxies_count_where_they_are_declared() -> None:
    given = {"HTTP_PROXY": "a", "no_proxy": "b"}
    assert recipe("FROM x", args=given) == recipe("FROM x")
    assert recipe("FROM x\nARG no_proxy", args=given) != recipe("FROM x\nARG no_proxy", args={"no_proxy": "c"})


def test_names_of_stages_count_where_they_are_seen() -> None:
    assert recipe("FROM x AS a\nFROM a") == recipe("FROM x AS b\nFROM b") == recipe("FROM x AS z\nFROM q\nFROM z")
    assert recipe("FROM x AS a\nARG TARGETSTAGE") != recipe("FROM x AS b\nARG TARGETSTAGE")
    scan = "FROM x AS {}\nARG BUILDKIT_SBOM_SCAN_STAGE=a\nFROM x\nCOPY --from={} / /\n"
    assert recipe(scan.format("a", "a")) != recipe(scan.format("b", "b"))
    assert sources(scan.format("a", "a")) == {"": None}
    onbuild = "FROM x AS {}\nFROM x\nONBUILD COPY --from={} / /\n"
    assert recipe(onbuild.format("a", "a")) != recipe(onbuild.format("b", "b"))


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("COPY a b/ /c/d /x/", ("a", "b", "c/d")),
        ("COPY ../a ./b/../c /x/", ("a", "c")),
        ("COPY . /", None),
        ("COPY a/.. /", None),
        ("COPY *.txt d/?.py /x/", ("*.txt", "d/?.py")),
        ("COPY package.json yarn.loc[k] /x/", ("package.json", "yarn.loc[k]")),
        ("COPY d/\\\\*x /x/", ("d/\\*x",)),
        ('COPY ["a b", "c", "/x/"]', ("a b", "c")),
        ("COPY --exclude=*.o --chown=1 --link src /x/", ("src",)),
        ("COPY --parents a/./b /x/", ("a/b",)),
        ("COPY --parents a/**/b /x/", None),
        ("ADD a.tgz /", ("a.tgz",)),
        ("COPY a <<E /x/\nbody\nE", ("a",)),
        ("RUN --mount=target=/x true", None),
        ("RUN --mount=type=bind,src=a,dst=/x true", ("a",)),
        ("RUN --mount=type=bind,src=a,source=b,target=/x true", ("b",)),
        ("RUN --mount=type=$T,src=a,target=/x true", ("a",)),
        ('RUN --mount="type=bind",src=a,target=/x true', ("a",)),
    ],
)
def test_paths(line: str, found: tuple[str, ...] | None) -> None:
    assert sources(f"FROM scratch\nARG T=bind\n{line}\n") == {"": found}


@pytest.mark.parametrize(
    "line",
    [
        "RUN true",
        "RUN --mount=type=cache,target=/c true",
        "RUN --mount=type=tmpfs,target=/c true",
        "RUN --mount=type=cache,from=x,target=/c true",
        "COPY <<E /x\nE",
        "COPY --from=x a /",
        "ONBUILD COPY a /",
    ],
)
def test_no_path(line: str) -> None:
    assert sources(f"FROM scratch\n{line}\n") == {}


def test_what_is_known_of_the_image() -> None:
    text = "FROM x AS y\nENV A=1 B=$C\nONBUILD RUN <<E\na\nE\nFROM y\nARG C=2\nENV D=$C$A\nONBUILD copy a  b\n"
    base = {f"{HUB}x:latest": Config(("RUN x",), {"PATH": "/p", "C": None})}
    found = uses(text, bases=base).config
    assert found == Config(("copy a  b",), {"PATH": "/p", "C": None, "A": "1", "B": None, "D": "21"})
    assert uses(text, bases=base, target="y").config == Config(
        ("RUN <<E\na\nE",), {"PATH": "/p", "C": None, "A": "1", "B": None}
    )
    assert uses(text, bases={}).config is None
    assert uses("FROM x AS c", bases={"c": Config(("RUN a",))}, contexts=["c"]).config == Config(("RUN a",))


def test_a_stage_that_is_not_there() -> None:
    assert doubts("FROM x", target="no") == ["0: the Dockerfile has no stage no"]
    assert sources("FROM x", target="no", contexts=["c"]) == {"": None, "c": None}


def test_triggers_of_images_count() -> None:
    text = "FROM x AS one\nRUN {}\nFROM y\n"
    bases = {f"{HUB}x:latest": Config(), f"{HUB}y:latest": Config(("COPY --from=one / /",))}
    assert recipe(text.format(1), bases=bases) != recipe(text.format(2), bases=bases)
    broken = {f"{HUB}y:latest": Config(("NO",))}
    assert doubts(text, bases=broken) == [f"3: ONBUILD of {HUB}y:latest cannot be read"]


def test_a_version_of_the_system_is_a_doubt() -> None:
    platform = "windows(10.0.17763)/amd64"
    assert doubts("FROM x", platform=platform) == [f"0: the version of the system in {platform} is not understood"]


def test_what_was_found_is_kept_for_what_matters() -> None:
    text = "FROM x AS kept\nARG A\nCOPY $A$V /x/\n"
    name = f"{HUB}x:latest"
    plain = {name: Config()}
    one = uses(text, bases=plain, args={"A": "a", "B": "1"})
    assert uses(text, bases=dict(plain), args={"A": "a", "B": "2"}) is one
    assert sources(text, bases=plain, args={"A": "b"}) == {"": ("b",)}
    assert sources(text, bases={name: Config(env={"V": "v"})}, args={"A": "a"}) == {"": ("av",)}
    assert sources(text, bases={}, args={"A": "a"}) == {"": None}
    triggered = {name: Config(("ARG W", "COPY $W /"))}
    assert sources(text, bases=triggered, args={"A": "a", "W": "w"}) == {"": ("a", "w")}
    assert sources(text, bases=triggered, args={"A": "a", "W": "u"}) == {"": ("a", "u")}


def test_each_text_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []

    def counted(text: str) -> library.Parsed | None:
        reads.append(text)
        return library.parsed(text)

    monkeypatch.setattr(parser, "parsed", counted)
    for number in range(50):
        uses("FROM x AS once\nARG A\nRUN a\n", args={"A": str(number)})
    assert len(reads) == 1


def test_windows_paths_may_be_any() -> None:
    assert sources("FROM x\nCOPY a\\\\b /", platform="windows/amd64") == {"": None}
