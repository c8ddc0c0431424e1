group "default" {
  targets = ["docs", "cli"]
}

target "docs" {
  dockerfile = "docs.Dockerfile"
  output = ["type=local,dest=dist"]
}

target "cli" {
  name = "cli-${os}"
  matrix = {
    os = ["linux", "windows"]
  }
  args = {
    GOOS = os
  }
  output = ["type=local,dest=dist"]
}
