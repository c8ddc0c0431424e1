"""Dockerfiles in the shapes that real ones have, by what each is about.

They are read by ours, by BuildKit's own parser (test_corpus.py) and by the engine (tests/e2e/test_dockerfiles.py), and
all have to see the same.
"""

TAKEN = {
    "one stage": """\
FROM debian:12
LABEL maintainer="someone" version=1
ENV LANG=C.UTF-8 PATH=/opt/bin:$PATH
RUN apt-get update \\
    && apt-get install -y --no-install-recommends curl \\
    && rm -rf /var/lib/apt/lists/*
EXPOSE 80 443/tcp
CMD ["curl", "--version"]
""",
    "several stages": """\
FROM golang:1.22 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -o /out/app ./cmd/app

FROM gcr.io/distroless/static AS final
COPY --from=build /out/app /app
USER 65532:65532
ENTRYPOINT ["/app"]
""",
    "arguments in FROM": """\
ARG VARIANT=bookworm
ARG VERSION=3.12
ARG IMAGE=python:${VERSION}-${VARIANT}
FROM ${IMAGE} AS base
ARG VERSION
RUN echo ${VERSION}
FROM $IMAGE
COPY --from=base /x /x
""",
    "operators in FROM": """\
ARG TAG
ARG FLAVOUR=slim
FROM alpine:${TAG:-3.20} AS a
FROM debian:${FLAVOUR:+${FLAVOUR}-}12 AS b
FROM "busybox"
RUN echo ${TAG:?missing}
""",
    "several arguments in a line": """\
ARG A=1 B="two words" C
FROM busybox:$A
ARG D='x y' E=${D}
RUN echo $D
""",
    "scripts": """\
FROM busybox
RUN <<EOF
set -e
# no comment of ours
FROM not-a-stage AS fake
echo "$HOME"
EOF
RUN <<-'SCRIPT' sh
\t\techo tabs
\tSCRIPT
RUN cat <<A <<B && true
a
A
b
B
RUN 3<<EOF cat /dev/fd/3
x
EOF
""",
    "files in the text": """\
FROM scratch
COPY <<EOF /etc/app.conf
[main]
FROM = here
EOF
COPY <<"one" <<two /etc/
1 $X
one
2 $X
two
ADD --chmod=755 <<EOF /bin/x
#!/bin/sh
EOF
""",
    "what is not a script": """\
FROM busybox
RUN echo $((1<<3))
RUN cat <<<"abc"
RUN awk 'BEGIN { print 1<<2 }'
RUN echo "see <<EOF docs"
LABEL a="x <<Y"
ENV A=<<EOF
CMD ["sh", "-c", "cat <<EOF"]
""",
    "escape": """\
# escape=`
FROM mcr.microsoft.com/windows/servercore:ltsc2022 AS win
SHELL ["powershell", "-Command"]
RUN Invoke-WebRequest -Uri https://example.com/x.zip `
        -OutFile C:\\x.zip ; `
    # a comment in between
    Remove-Item C:\\x.zip
COPY app C:\\app\\
WORKDIR C:\\app\\
FROM win
""",
    "escape after others": """\
# check=skip=all
# ESCAPE = `
FROM busybox
RUN a `
  b
""",
    "escape too late": """\
# a comment
# escape=`
FROM busybox
RUN echo ` \\
  and more
""",
    "JSON": """\
FROM busybox
RUN ["sh", "-c", "echo \\"quoted\\""]
COPY ["a b", "c", "/dest dir/"]
ADD [ "x" , "/y" ]
VOLUME ["/data", "/more"]
SHELL ["/bin/sh", "-ec"]
ENTRYPOINT [ "sh" ]
CMD [not json]
HEALTHCHECK --interval=5s CMD ["true"]
""",
    "copies": """\
FROM busybox AS one
FROM scratch
COPY --link --from=one --chmod=0755 --chown=1000:1000 /bin/busybox /bin/
COPY --from=0 /a /b
COPY --from=docker.io/library/alpine:3 /etc/alpine-release /
COPY src/./a/*.c /
COPY "a b" 'c d' /
ADD --checksum=sha256:24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d https://example.com/a.tgz /
ADD --keep-git-dir=true https://github.com/moby/buildkit.git#v0.12.5 /src
ADD git@git.example.com:foo/bar.git /bar
ADD local.tar.gz /
""",
    "mounts": """\
FROM busybox AS tools
FROM debian AS last
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked --mount=type=bind,from=tools,source=/bin,target=/t ls /t
RUN --mount=from=alpine:3,target=/alpine --network=none true
RUN --mount=type=secret,id=token,env=TOKEN --mount=type=ssh true
RUN --mount=type=tmpfs,target=/tmp <<EOF
echo x
EOF
RUN --mount="type=bind,source=a b,target=/x" cat /x
""",
    "triggers": """\
FROM node:22 AS onbuild
ONBUILD ARG NODE_ENV=production
ONBUILD COPY package.json package-lock.json /app/
ONBUILD RUN --mount=type=cache,target=/root/.npm npm ci
ONBUILD COPY --from=assets --chown=1:1 /dist /app/dist
ONBUILD CMD ["node", "."]
onbuild env A=b C=d
FROM onbuild
""",
    "triggers with scripts": """\
FROM busybox AS base
ONBUILD RUN cat <<EOF
FROM not-a-stage AS fake
ONBUILD RUN neither
EOF
Onbuild  run echo a \\
  b
RUN cat <<EOF
ONBUILD  RUN no trigger
EOF
RUN a \\
ONBUILD RUN b
FROM base AS after
""",
    "small letters": """\
arg V=1
from busybox:$V as Build
run make
copy --from=build a b
From scratch As FINAL
Copy --from=Build /a /
""",
    "comments in instructions": """\
FROM busybox
# before
RUN a \\
# at the beginning
    # further in
  && b \\

  && c
  # behind
RUN d \\
  # the last
""",
    "carriage returns": '# escape=\\\r\nFROM busybox AS a\r\nRUN a \\\r\n  b\r\nRUN <<EOF\r\nx\r\nEOF\r\nCMD ["x"]\r\n',
    "byte order mark": "\ufeffFROM busybox AS marked\nRUN a\n",
    "no end of line": "FROM busybox\nRUN a",
    "empty lines and spaces": "\n\n   FROM   busybox \t AS  spaced  \n\tRUN   a  \n\n  \n RUN\tb\n",
    "platforms": """\
FROM --platform=$BUILDPLATFORM golang AS build
ARG TARGETOS TARGETARCH
RUN GOOS=$TARGETOS GOARCH=$TARGETARCH go build
FROM --platform=linux/amd64 debian AS fixed
FROM --platform=${TARGETPLATFORM} alpine AS same
FROM build AS further
FROM base-${TARGETARCH}
""",
    "scratch": 'FROM scratch\nADD rootfs.tar.xz /\nCMD ["/bin/sh"]\n',
    "digests": """\
FROM busybox@sha256:9ae97d36d26566ff84e8893c64a6dc4fe8ca6d1144bf5b87b2b85a32def253c7 AS pinned
FROM localhost:5000/a/b:1.2@sha256:9ae97d36d26566ff84e8893c64a6dc4fe8ca6d1144bf5b87b2b85a32def253c7
COPY --from=pinned / /
""",
    "numbers": """\
FROM busybox
RUN a
FROM alpine
COPY --from=0 /a /a
FROM scratch
COPY --from=1 / /
RUN --mount=from=0,target=/x true
""",
    "a name twice": "FROM a AS x\nRUN one\nFROM b AS x\nRUN two\nFROM x\nCOPY --from=x / /\n",
    "called like its image": "FROM busybox AS busybox\nRUN a\nFROM busybox AS next\nRUN b\n",
    "the old form": "FROM busybox\nMAINTAINER some <a@b>\nENV A some value\nLABEL k some value\nSTOPSIGNAL SIGTERM\n",
    "health": """\
FROM busybox
HEALTHCHECK --interval=5m --timeout=3s CMD curl -f http://localhost/ || exit 1
HEALTHCHECK NONE
USER nobody
VOLUME /data /more
WORKDIR /
""",
    "names with signs": "FROM a AS x.y-z_1\nFROM x.y-z_1 AS b\nCOPY --from=x.y-z_1 / /\n",
    "quotes over lines": 'FROM busybox\nRUN echo "a \\\n  b" \'c \\\n  d\'\nENV A="x \\\n  y" B=z\n',
    "words and escapes": 'FROM busybox\nENV A=a\\ b C=\'d e\' E="f\\"g"\nCOPY a\\ b /c\nRUN echo \\$HOME \\\\\n',
    "a long chain": "FROM busybox AS s0\n" + "".join(f"FROM s{n} AS s{n + 1}\nRUN echo {n}\n" for n in range(30)),
    "other letters": "FROM busybox AS a\nLABEL name=\"Größe 日本\"\nRUN echo '…' # no comment\n",
    "syntax": "# syntax=docker/dockerfile:1\n# escape=`\nFROM busybox AS a\nRUN a `\n  b\n",
}
"""Those that BuildKit takes, as far as their form goes."""

REFUSED = {
    "no FROM": "RUN a\nFROM busybox\n",
    "no instruction": "FROM busybox\nRUNS a\n",
    "two words of FROM": "FROM busybox AS\n",
    "four words of FROM": "FROM busybox AS a b\n",
    "another word than AS": "FROM busybox IS a\n",
    "an open script": "FROM busybox\nRUN <<EOF\necho\n",
    "another escape": "# escape=x\nFROM busybox\n",
    "escape twice": "# escape=`\n# escape=`\nFROM busybox\n",
    "no pair": "FROM busybox\nENV A\n",
    "numbers in JSON": "FROM busybox\nCMD [1]\n",
    "a trigger of a trigger": "FROM busybox\nONBUILD ONBUILD RUN a\n",
    "a long line": "FROM busybox\nRUN echo " + "x" * 70_000 + "\n",
}
"""Those that BuildKit refuses."""
