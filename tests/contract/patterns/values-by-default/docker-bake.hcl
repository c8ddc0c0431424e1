# What the environment gives is what the default is: a boolean or number that the default works out, too.
variable "DEBUG" {
  default = false
}
variable "FAST" {
  default = DEBUG == false
}
variable "JOBS" {
  default = 2
}
variable "LIMIT" {
  default = JOBS * 2
}
variable "SHARE" {
  default = 0.5
}
target "app" {
  dockerfile-inline = "FROM scratch"
  args = {
    MODE  = FAST ? "fast" : "slow"
    LEVEL = DEBUG ? "debug" : "info"
    JOBS  = JOBS
    MORE  = LIMIT + 1
    SHARE = SHARE + 1
  }
}
