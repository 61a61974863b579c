"""Lists of a film's shots: for people, spreadsheets and editing programs."""
