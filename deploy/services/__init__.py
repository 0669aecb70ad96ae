"""Apache Kafka and MariaDB as programs of the user, from Maven: no installation, no administrator."""
