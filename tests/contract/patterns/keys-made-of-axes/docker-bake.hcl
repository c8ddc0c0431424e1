variable "IMAGE" { default = "example.com/php" }

function "variant" {
  params = [php, base]
  result = php == "8.5" ? "8.5-rc" : "${php}${split("-", base)[0] == "debian" ? "" : "-${split("-", base)[0]}"}"
}

group "default" { targets = ["php"] }

target "php" {
  name = "php-${replace(variant(item.php, item.base), ".", "-")}"
  matrix = {
    item = [
      { php = "8.3", base = "debian-13" },
      { php = "8.3", base = "alpine-3.22" },
      { php = "8.4", base = "debian-13" },
      { php = "8.4", base = "alpine-3.22" },
      { php = "8.5", base = "debian-13" },
    ]
  }
  args = {
    BASE    = replace(item.base, "-", ":")
    VARIANT = variant(item.php, item.base)
    APK     = split("-", item.base)[0] == "alpine" ? "yes" : null
  }
  tags = ["${IMAGE}:${variant(item.php, item.base)}"]
}
