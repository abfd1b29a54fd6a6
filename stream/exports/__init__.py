"""A topology in the forms that others read."""
