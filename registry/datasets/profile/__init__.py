"""What a tabular file holds, read in bounded memory from sealed content: nothing clear touches the disk."""
