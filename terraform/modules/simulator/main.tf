# The schedule on which the simulator publishes.

resource "aws_cloudwatch_event_rule" "this" {
  name                = var.schedule_name
  description         = "Simulated devices publish"
  schedule_expression = var.schedule
  state               = var.enabled ? "ENABLED" : "DISABLED"
}

resource "aws_cloudwatch_event_target" "this" {
  rule      = aws_cloudwatch_event_rule.this.name
  target_id = "simulator"
  arn       = var.function_arn
}

resource "aws_lambda_permission" "this" {
  statement_id  = var.schedule_name
  action        = "lambda:InvokeFunction"
  function_name = var.function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.this.arn
}
