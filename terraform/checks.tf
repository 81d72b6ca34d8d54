# Warnings: nothing that is refused, but nothing to leave as it is either.

check "somebody_is_notified" {
  assert {
    condition     = var.composition != "production" || length(var.alarm_emails) > 0
    error_message = "alarm_emails is empty: nobody is notified of an alarm. Name addresses, or subscribe to the topic in another way."
  }
}
