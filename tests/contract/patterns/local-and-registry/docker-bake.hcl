variable "IMAGE" { default = "example.com/tool" }
variable "TAG" { default = "dev" }

group "default" { targets = ["local"] }
group "local" { targets = ["cli-local", "daemon-local"] }
group "registry" { targets = ["cli-registry", "daemon-registry"] }

target "_local" {
  output = ["type=docker"]
  tags   = []
}

target "_registry" {
  output    = ["type=registry"]
  platforms = ["linux/amd64", "linux/arm64"]
}

target "cli" {
  name     = "cli-${where}"
  matrix   = { where = ["local", "registry"] }
  inherits = ["_${where}"]
  target   = "cli"
  tags     = ["${where == "local" ? "cli" : "${IMAGE}/cli"}:${TAG}"]
}

target "daemon" {
  name     = "daemon-${where}"
  matrix   = { where = ["local", "registry"] }
  inherits = ["_${where}"]
  target   = "daemon"
  tags     = ["${where == "local" ? "daemon" : "${IMAGE}/daemon"}:${TAG}"]
}
