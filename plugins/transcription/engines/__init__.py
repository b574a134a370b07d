"""Speech engines: one file each, all behind `plugins.transcription.engine`."""
