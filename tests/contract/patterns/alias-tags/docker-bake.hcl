variable "VERSION" { default = "8.4.2" }
variable "LTS" { default = "8.4" }
variable "REGISTRIES" { default = "docker.io/acme,ghcr.io/acme" }

function "major" {
  params = [version]
  result = split(".", version)[0]
}

function "minor" {
  params = [version]
  result = join(".", slice(split(".", version), 0, 2))
}

function "tags" {
  params = [image, suffix]
  result = flatten([for registry in split(",", REGISTRIES) : [
    for tag in compact([VERSION, minor(VERSION), major(VERSION), minor(VERSION) == LTS ? "lts" : ""]) :
      "${registry}/${image}:${tag}${suffix}"
  ]])
}

group "default" { targets = ["server", "server-slim"] }

target "server" { tags = tags("server", "") }

target "server-slim" {
  target = "slim"
  tags   = concat(tags("server", "-slim"), ["ghcr.io/acme/slim:${VERSION}"])
}
