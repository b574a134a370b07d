"""What brings HiLink up on a machine: front-end build, supervisor, local TLS, finders."""
