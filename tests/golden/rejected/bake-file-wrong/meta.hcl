target "docker-metadata-action" {
  tags = ["acme/app:1.2.3"]
}
