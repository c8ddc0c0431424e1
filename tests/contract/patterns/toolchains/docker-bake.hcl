group "default" { targets = ["app", "docs"] }

target "rust" {
  name       = "rust-${toolchain}"
  matrix     = { toolchain = ["stable", "nightly"] }
  dockerfile = "rust.Dockerfile"
  args       = { TOOLCHAIN = toolchain }
}

target "wasm" {
  name       = "wasm-${toolchain}"
  matrix     = { toolchain = ["stable", "nightly"] }
  inherits   = ["rust-${toolchain}"]
  contexts   = { rust = "target:rust-${toolchain}" }
  dockerfile = "wasm.Dockerfile"
}

target "app" {
  name       = "app-${toolchain}-${profile}"
  matrix     = { toolchain = ["stable", "nightly"], profile = ["debug", "release"] }
  inherits   = ["rust-${toolchain}"]
  contexts   = { rust = "target:rust-${toolchain}", wasm = "target:wasm-${toolchain}" }
  dockerfile = "app.Dockerfile"
  args       = { PROFILE = profile }
  tags       = ["example.com/app:${toolchain}-${profile}"]
}

target "docs" {
  inherits   = ["rust-nightly"]
  contexts   = { rust = "target:rust-nightly" }
  dockerfile = "docs.Dockerfile"
  output     = ["type=local,dest=site"]
}
