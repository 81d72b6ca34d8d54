variable "folder" {
  description = "The folder with a file for every stream."
  type        = string
}
