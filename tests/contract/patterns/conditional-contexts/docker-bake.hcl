variable "BUILDX" { default = "" }
variable "SRC" { default = "" }
variable "WITH_DOCS" { default = false }

group "default" { targets = concat(["engine"], WITH_DOCS ? ["docs"] : []) }

target "plugin" { dockerfile = "plugin.Dockerfile" }

target "engine" {
  contexts = merge(
    { plugin = BUILDX == "" ? "target:plugin" : "docker-image://example.com/buildx:${BUILDX}" },
    SRC == "" ? {} : { src = "https://git.example.com/engine.git#${SRC}" },
  )
  args = { SRC = SRC != "" ? SRC : null }
}

target "docs" {
  inherits = ["engine"]
  contexts = { engine = "target:engine" }
  target   = "docs"
}
