# Stands for a DAG.
