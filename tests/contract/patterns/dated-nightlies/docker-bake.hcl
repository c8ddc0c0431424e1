variable "IMAGE" { default = "example.com/node" }
variable "NIGHTLY" { default = false }
variable "NOW" { default = timestamp() }
variable "VERSION" { default = "24.1.0" }

function "nightly" {
  params = [suffix]
  result = [
    "${IMAGE}:nightly${suffix}",
    "${IMAGE}:nightly-${formatdate("YYYYMMDD", NOW)}${suffix}",
  ]
}

group "default" { targets = ["node", "node-slim"] }

target "node" {
  args   = { NIGHTLY = NIGHTLY ? formatdate("YYYY-MM-DD", NOW) : null }
  labels = { "org.opencontainers.image.created" = NOW }
  tags   = NIGHTLY ? nightly("") : ["${IMAGE}:${VERSION}"]
}

target "node-slim" {
  inherits = ["node"]
  target   = "slim"
  tags     = NIGHTLY ? nightly("-slim") : ["${IMAGE}:${VERSION}-slim"]
}
