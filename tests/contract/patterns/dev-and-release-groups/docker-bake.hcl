variable "RELEASE" { default = false }
variable "EXTRA" { default = "" }
group "default" { targets = RELEASE ? ["app", "docs"] : ["dev"] }
group "app" { targets = ["app", "worker"] }
group "extra" { targets = EXTRA != "" ? split(",", EXTRA) : [] }
target "app" { tags = ["example.com/app:1"] }
target "worker" { tags = ["example.com/worker:1"] }
target "docs" { target = "docs" }
target "dev" {
  inherits = ["app"]
  target = "dev"
}
