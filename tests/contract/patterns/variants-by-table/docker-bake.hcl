variable "IMAGE" { default = "example.com/torch" }
variable "RELEASE" { default = "dev" }

group "default" { targets = ["torch"] }
group "gpu" { targets = ["torch-cuda12", "torch-rocm6"] }

target "torch" {
  name = "torch-${variant.id}"
  matrix = {
    variant = [
      { id = "cpu", base = "debian:13", extras = [] },
      { id = "cuda12", base = "example.com/cuda:12.9", extras = ["nccl", "cudnn"] },
      { id = "rocm6", base = "example.com/rocm:6.4", extras = ["rccl"] },
    ]
  }
  args = {
    BASE   = variant.base
    EXTRAS = join(" ", variant.extras)
    INDEX  = "https://wheels.example.com/${variant.id}"
  }
  labels = { "com.example.variant" = variant.id }
  tags = compact([
    "${IMAGE}:${RELEASE}-${variant.id}",
    variant.id == "cpu" ? "${IMAGE}:${RELEASE}" : "",
  ])
}
