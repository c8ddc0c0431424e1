variable "IMAGE" { default = "example.com/python" }
variable "LATEST" { default = "3.14" }

function "tags" {
  params = [version, base]
  result = compact([
    "${IMAGE}:${version}-${base}",
    base == "debian" ? "${IMAGE}:${version}" : "",
    version == LATEST ? "${IMAGE}:${base}" : "",
    version == LATEST && base == "debian" ? "${IMAGE}:latest" : "",
  ])
}

group "default" { targets = ["python"] }

target "python" {
  name = "python-${replace(version, ".", "-")}-${base}"
  matrix = {
    version = ["3.12", "3.13", "3.14"]
    base    = ["debian", "alpine"]
  }
  dockerfile = "${base}.Dockerfile"
  args       = { PYTHON_VERSION = version }
  tags       = tags(version, base)
}
