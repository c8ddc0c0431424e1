variable "ALL_PLATFORMS" { default = true }

function "platforms" {
  params = [base]
  result = (
    !ALL_PLATFORMS ? [BAKE_LOCAL_PLATFORM] :
    base == "windows" ? ["windows/amd64"] :
    base == "alpine" ? ["linux/amd64", "linux/arm64", "linux/arm/v7", "linux/riscv64"] :
    ["linux/amd64", "linux/arm64"]
  )
}

group "default" { targets = ["agent"] }

target "agent" {
  name       = "agent-${base}"
  matrix     = { base = ["debian", "alpine", "distroless", "windows"] }
  dockerfile = base == "windows" ? "windows.Dockerfile" : "Dockerfile"
  target     = base == "windows" ? null : base
  platforms  = platforms(base)
  tags       = ["example.com/agent:${base}"]
}
