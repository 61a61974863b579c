"""From a file to a colorized file: options, the pipeline, photos, previews, descriptions."""
