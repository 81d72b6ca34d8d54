# Airflow with this project's DAGs, for teams that run it themselves: compose.yaml. MWAA takes no image, but `make package`.
FROM apache/airflow:3.3.1-python3.12

COPY --chmod=755 requirements.txt /opt/airflow/requirements.txt
RUN pip install --no-cache-dir --requirement /opt/airflow/requirements.txt

# Read by everybody, written by nobody, whatever the umask of the checkout.
COPY --chmod=755 include /opt/airflow/include
COPY --chmod=755 plugins /opt/airflow/plugins
COPY --chmod=755 dags /opt/airflow/dags
ENV PYTHONPATH=/opt/airflow/include

# The image's own user, by its number: Kubernetes cannot tell from a name that it is not root.
USER 50000
