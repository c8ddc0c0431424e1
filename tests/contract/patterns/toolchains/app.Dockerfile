FROM rust
COPY --from=wasm / /
