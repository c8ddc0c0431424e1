FROM rust
