variable "IMAGE" { default = "example.com/api" }

group "default" { targets = ["api", "debug"] }

target "docker-metadata-action" {
  tags = ["${IMAGE}:dev"]
}

target "_image" {
  platforms = ["linux/amd64", "linux/arm64"]
  labels    = { "org.opencontainers.image.vendor" = "Acme" }
}

target "api" {
  inherits = ["_image", "docker-metadata-action"]
  labels   = { "com.example.tier" = "web" }
}

target "debug" {
  inherits = ["api"]
  target   = "debug"
  tags     = ["${IMAGE}:debug"]
}
