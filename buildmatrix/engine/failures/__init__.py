"""What a failure of docker, buildx, BuildKit or a registry means, and what to do."""
