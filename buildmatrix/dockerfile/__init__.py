"""What Dockerfiles and .dockerignore files say."""
