variable "IMAGE" { default = "example.com/db" }
variable "CI" { default = false }
variable "BRANCH" { default = "main" }

group "default" { targets = ["db"] }

target "db" {
  name = "db-${replace(version, ".", "-")}-${os}"
  matrix = {
    version = ["16", "17.1"]
    os      = ["trixie", "alpine"]
  }
  args = { VERSION = version, OS = os }
  tags = ["${IMAGE}:${version}-${os}"]
  cache-from = concat(
    ["type=registry,ref=${IMAGE}:cache-${version}-${os}"],
    BRANCH == "main" ? [] : ["type=registry,ref=${IMAGE}:cache-${version}-${os}-${replace(BRANCH, "/", "-")}"],
    CI ? ["type=gha,scope=${version}-${os}"] : [],
  )
  cache-to = !CI ? [] : [
    BRANCH == "main" ? "type=registry,ref=${IMAGE}:cache-${version}-${os},mode=max"
                     : "type=registry,ref=${IMAGE}:cache-${version}-${os}-${replace(BRANCH, "/", "-")},mode=max",
    "type=gha,scope=${version}-${os},ignore-error=true",
  ]
}
