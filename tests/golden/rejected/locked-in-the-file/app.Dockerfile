# syntax=docker/dockerfile:1
FROM debian:bookworm
RUN --mount=type=bind,from=golang:1.23,target=/go true
