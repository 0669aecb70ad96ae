"""The learner's state in the relational database, the lock that keeps two learners apart, and GET /learning."""
