"""The trace on disk: layout, manifest, spool (while recording), writer and reader."""
