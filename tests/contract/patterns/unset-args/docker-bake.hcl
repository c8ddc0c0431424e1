variable "GO_VERSION" { default = null }
variable "ALPINE_VERSION" { default = null }
variable "GIT_REF" { default = null }
variable "LDFLAGS" { default = "" }

group "default" { targets = ["binary"] }
group "validate" { targets = ["lint", "vendor"] }

target "_common" {
  args = {
    GO_VERSION     = GO_VERSION
    ALPINE_VERSION = ALPINE_VERSION
    GIT_REF        = GIT_REF
  }
}

target "binary" {
  inherits = ["_common"]
  args     = { LDFLAGS = LDFLAGS }
  output   = ["type=local,dest=bin"]
}

target "lint" {
  inherits = ["_common"]
  target   = "lint"
  args     = { GO_VERSION = GO_VERSION == null ? "1.25" : GO_VERSION }
}

target "vendor" {
  inherits = ["lint"]
  target   = "vendor"
  args     = { ALPINE_VERSION = "" }
}
