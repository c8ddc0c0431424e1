ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY buildmatrix ./buildmatrix
RUN --mount=type=cache,target=/root/.cache/pip pip wheel --wheel-dir /wheels .

# Given as a named context, a folder of wheels takes the place of this stage.
FROM scratch AS wheels
COPY --from=build /wheels /

FROM docker:cli AS docker

FROM python:${PYTHON}-slim
ARG PACKAGES=git
RUN test -z "$PACKAGES" || { apt-get update && apt-get install -y --no-install-recommends $PACKAGES && rm -rf /var/lib/apt/lists/*; }
COPY --from=docker /usr/local/bin/docker /usr/local/bin/docker
COPY --from=docker /usr/local/libexec/docker/cli-plugins/docker-buildx /usr/local/libexec/docker/cli-plugins/docker-buildx
RUN --mount=type=bind,from=wheels,target=/wheels pip install --no-cache-dir --no-index --find-links /wheels buildmatrix-bake
WORKDIR /work
ENTRYPOINT ["buildmatrix"]
