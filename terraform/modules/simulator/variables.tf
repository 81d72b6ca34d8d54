variable "schedule_name" {
  description = "Name of the EventBridge rule."
  type        = string
}

variable "schedule" {
  description = "When the simulator publishes, as an EventBridge schedule expression."
  type        = string
}

variable "enabled" {
  description = "Whether the schedule is enabled."
  type        = bool
}

variable "function_name" {
  description = "Name of the simulator's function."
  type        = string
}

variable "function_arn" {
  description = "ARN of the simulator's function."
  type        = string
}
