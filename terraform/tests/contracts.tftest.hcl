# A stream's file with an error stops everything.

run "the_streams_are_right" {
  command = plan

  module {
    source = "./modules/contracts"
  }

  variables {
    folder = "../include/streams"
  }

  assert {
    condition     = length(output.streams) == length(fileset("../include/streams", "*.yaml"))
    error_message = "Every file is a stream."
  }
}

run "a_misspelt_type" {
  command = plan

  module {
    source = "./modules/contracts"
  }

  variables {
    folder = "tests/streams/misspelt_type"
  }

  expect_failures = [output.streams]
}

run "another_name_than_the_file" {
  command = plan

  module {
    source = "./modules/contracts"
  }

  variables {
    folder = "tests/streams/other_name"
  }

  expect_failures = [output.streams]
}

run "no_yaml" {
  command = plan

  module {
    source = "./modules/contracts"
  }

  variables {
    folder = "tests/streams/no_yaml"
  }

  expect_failures = [output.streams]
}

run "two_streams_of_one_topic" {
  command = plan

  module {
    source = "./modules/contracts"
  }

  variables {
    folder = "tests/streams/two_of_a_topic"
  }

  expect_failures = [output.streams]
}

run "a_field_named_as_a_column" {
  command = plan

  module {
    source = "./modules/contracts"
  }

  variables {
    folder = "tests/streams/reserved_column"
  }

  expect_failures = [output.streams]
}

run "no_stream" {
  command = plan

  module {
    source = "./modules/contracts"
  }

  variables {
    folder = "tests/streams"
  }

  expect_failures = [output.streams]
}
