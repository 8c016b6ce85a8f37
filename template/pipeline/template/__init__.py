"""Update the project from the template that made it, so that nothing of it is lost."""
