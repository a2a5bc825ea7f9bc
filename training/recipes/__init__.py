"""One recipe for each preset of the zoo; the file's name is the preset's."""
