output "streams" {
  description = "Every stream's topic filter, and its fields' types."
  value = {
    for document in values(local.documents) : document.stream => {
      topic  = document.topic
      fields = { for name, field in document.fields : name => field.type }
    }
  }

  precondition {
    condition     = length(local.faults) == 0
    error_message = "Mend the streams' files:\n${join("\n", local.faults)}"
  }
}
