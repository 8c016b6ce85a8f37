"""What the sessions of noxfile.py call where no tool does the work: `python -m pipeline.NAME`."""
