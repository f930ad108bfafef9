"""Reading: from files of any kind to arrays, each column with one meaning, nothing in silence."""
