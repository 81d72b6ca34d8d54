"""What the tasks of the DAGs do: run the ETL and record its load, close a day, keep the warehouse in order."""
