"""Live captions, transcripts, and drafts of summaries and family reports, each with its evidence."""
