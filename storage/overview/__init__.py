"""The figures of the console's page Overview: what a site's sessions were, brought, and went through in a period."""
