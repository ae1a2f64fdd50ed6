"""Pages that look across floors or across projects."""
