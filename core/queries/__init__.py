"""What pages read: one function a question, for one viewer, checked here. Plain frozen data; times are ISO 8601 UTC."""
