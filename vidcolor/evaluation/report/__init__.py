"""What eval writes: table, gallery of pictures, HTML and JSON."""
