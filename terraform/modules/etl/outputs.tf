output "function_names" {
  description = "Names of the functions, by key in settings.yaml."
  value       = { for key, function in aws_lambda_function.this : key => function.function_name }
}

output "function_arns" {
  description = "ARNs of the functions, by key in settings.yaml."
  value       = { for key, function in aws_lambda_function.this : key => function.arn }
}

output "function_role_arns" {
  description = "ARNs of the functions' roles, by key in settings.yaml."
  value       = { for key, role in module.function_role : key => role.arn }
}

output "state_machine_arn" {
  description = "ARN of the state machine."
  value       = aws_sfn_state_machine.this.arn
}
