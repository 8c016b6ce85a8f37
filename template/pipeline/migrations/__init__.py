"""Migrations: proved on data, linted for what they lock and break, and written."""
