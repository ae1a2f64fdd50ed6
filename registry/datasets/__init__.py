"""Datasets: uploads, immutable versions, downloads on record, profiles of tables, data for jobs."""
