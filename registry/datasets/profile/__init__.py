"""What a tabular file holds, read in bounded memory from its sealed content: nothing in clear touches the disk."""
